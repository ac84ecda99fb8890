"""The network as compiled kernels: train, read and sample, as fast as the processor allows.

`passes` and `update` are the phases of an iteration, `loop` trains, `forward` reads and samples,
`workspace` holds the arrays. `simd` is the vocabulary that all of them are written in.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels import forward, loop
from rnncore.kernels.arithmetic import Arithmetic
from rnncore.kernels.passes import block_rows
from rnncore.kernels.simd import available_threads
from rnncore.kernels.simd.widths import known_lanes
from rnncore.kernels.update import strip_rows
from rnncore.kernels.workspace import (
    Adagrad,
    Run,
    Sizes,
    Weights,
    activations_of,
    like,
    network_of,
    not_transposed,
    pad,
    padded_hidden,
    text_of,
    transposed,
    unpad,
)
from rnncore.parameters import FloatArray, Parameters
from rnncore.state import TrainingState

__all__ = ["Arithmetic", "read", "sample", "train"]

work_worth_threads = 3e7  # floating-point operations: a third of a millisecond on one core


def train(
    state: TrainingState,
    streams: NDArray[np.integer],
    losses: NDArray[np.float64],
    arithmetic: Arithmetic,
) -> int:
    """Advance `state` in place over `streams` (B, L) by one iteration for each of `losses`.

    Returns how many were done: fewer if a loss is not finite. `losses` then holds that one, and
    `state` is that before its iteration.
    """
    options, parameters = state.hyperparameters, state.parameters
    H, V = parameters.hidden_size, parameters.vocabulary_size
    sizes = Sizes(H, V, options.seq_length, options.batch_size)
    workers, network = workers_for(sizes), network_of(parameters, arithmetic.lanes)
    run = Run(
        sizes=sizes,
        network=network,
        transposed=transposed(network) if arithmetic.transposed else not_transposed(network),
        adagrad=_adagrad(state, network, sizes, workers),
        activations=activations_of(network, sizes.T, sizes.B),
        text=text_of(streams),
        hidden=padded_hidden(state.hidden, network, rows=sizes.B),
        progress=np.array([state.position, state.smooth_loss], np.float64),
        losses=losses,
        arrivals=np.zeros(1, np.int64),
    )
    iterations = _advance_together(workers, run)
    unpad(network, parameters)
    unpad(run.adagrad.sums, state.adagrad)
    state.hidden = np.array(run.hidden[:, :H])
    state.position, state.smooth_loss = int(run.progress[0]), float(run.progress[1])
    state.iteration += iterations
    return iterations


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray
) -> tuple[float, FloatArray]:
    """Nats of `tokens[1:]`, each given all before it, and the hidden state after `tokens[:-1]`.

    Reading starts with the hidden state `hidden` (H,); `tokens` (N,) has at least one token.
    """
    network, H = _network_of(parameters), parameters.hidden_size
    sizes = Sizes(H, parameters.vocabulary_size, block_rows, 1)
    last = padded_hidden(hidden.reshape(1, H), network, rows=1)
    activations = activations_of(network, sizes.T, sizes.B)
    nats = forward.read(
        sizes, network, transposed(network), activations, text_of(tokens.reshape(1, -1)), last
    )
    return float(nats), np.array(last[0, :H])


def sample(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    uniforms: NDArray[np.float64],
    temperatures: NDArray[np.float64],
) -> NDArray[np.int64]:
    """S texts (S, length), each from a hidden state of `hidden` (S, H) and a first token.

    A token is drawn where the cumulative probability exceeds its number of `uniforms` (S, length),
    or, at temperature 0, is the most likely one. No text depends on the others.
    """
    network, texts = _network_of(parameters), np.zeros(uniforms.shape, np.int64)
    copies, Vp = transposed(network), len(network.Why)

    def sample_part(part: slice) -> None:
        tokens = np.array(first_tokens[part], np.int64)
        hs = padded_hidden(hidden[part], network, rows=2 * len(tokens))
        ps = like(network, len(tokens), Vp)
        numbers = np.array(uniforms[part]), np.array(temperatures[part])
        forward.sample(network, copies, hs, ps, tokens, *numbers, texts[part])

    work = 2 * texts.size * parameters.hidden_size * (parameters.hidden_size + Vp)
    _in_parts(sample_part, len(texts), available_threads() if work > work_worth_threads else 1)
    return texts


def workers_for(sizes: Sizes) -> int:
    """Threads for a training run: those available, if an iteration has enough work for them.

    The number decides the speed alone: the bytes are the same with any number of threads.
    """
    work = 6 * sizes.T * sizes.B * sizes.H * (sizes.H + sizes.V)
    return available_threads() if work > work_worth_threads else 1


def _in_parts(function: Callable[[slice], None], count: int, parts: int) -> None:
    """Call `function` with `parts` slices of `count` items, each in a thread of its own."""
    if parts == 1:
        function(slice(None))
        return
    ends = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:
        list(pool.map(function, map(slice, ends, ends[1:])))


def _network_of(parameters: Parameters) -> Weights:
    """Padded copies of `parameters` for reading and sampling, which no record names."""
    return network_of(parameters, known_lanes(8 * parameters.bh.dtype.itemsize))


def _adagrad(state: TrainingState, network: Weights, sizes: Sizes, workers: int) -> Adagrad:
    """Padded copies of the sums of squares, and arrays for the update."""
    sums, options = pad(state.adagrad, network.Whh.lanes), state.hyperparameters
    Vp, Hp = sums.Why.shape
    rows = strip_rows(Hp * sums.Why.dtype.itemsize, sizes.T * sizes.B)
    return Adagrad(
        sums=sums,
        dWxh=like(network, sizes.V, Hp),
        last_row=np.zeros(sizes.V, np.int64),
        strips=like(network, workers, rows, max(Hp, Vp)),
        learning_rate=float(options.learning_rate),
        clip=float(options.gradient_clip),
    )


def _advance_together(workers: int, run: Run) -> int:
    """Train with `workers` threads, of which this one is the first; returns the iterations."""
    others = [
        threading.Thread(target=loop.advance, args=(worker, workers, run), daemon=True)
        for worker in range(1, workers)
    ]
    for thread in others:
        thread.start()
    iterations = int(loop.advance(0, workers, run))
    for thread in others:
        thread.join()
    return iterations
