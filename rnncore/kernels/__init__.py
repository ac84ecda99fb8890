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
from rnncore.kernels.simd import available_threads
from rnncore.kernels.update import shared_strip_rows, strip_rows
from rnncore.kernels.workspace import (
    Adagrad,
    Run,
    Sizes,
    activations_of,
    aligned,
    network_of,
    pad,
    padded_hidden,
    text_of,
    transposed,
    unpad,
)
from rnncore.parameters import FloatArray, Parameters
from rnncore.state import TrainingState

__all__ = ["nats_of_units", "read", "sample", "train"]

most_units = 32  # read side by side
work_worth_threads = 3e7  # floating-point operations: a third of a millisecond on one core


def train(state: TrainingState, streams: NDArray[np.integer], losses: NDArray[np.float64]) -> int:
    """Advance `state` in place over `streams` (B, L) by one iteration for each of `losses`.

    Returns how many were done: fewer if a loss is not finite. `losses` then holds that one, and
    `state` is that before its iteration.
    """
    options, parameters = state.hyperparameters, state.parameters
    H, V = parameters.hidden_size, parameters.vocabulary_size
    sizes = Sizes(H, V, options.seq_length, options.batch_size)
    workers, network = workers_for(sizes), network_of(parameters)
    run = Run(
        sizes=sizes,
        network=network,
        adagrad=_adagrad(state, sizes, workers),
        activations=activations_of(network, sizes.T, sizes.B),
        text=text_of(streams),
        hidden=padded_hidden(state.hidden, network.Whh.shape[1], rows=sizes.B),
        progress=np.array([state.position, state.smooth_loss], np.float64),
        losses=losses,
        arrivals=np.zeros(1, np.int64),
    )
    iterations = _advance_together(workers, run)
    unpad(network, parameters)
    unpad(run.adagrad.sums, state.adagrad)
    state.hidden = run.hidden[:, :H].copy()
    state.position, state.smooth_loss = int(run.progress[0]), float(run.progress[1])
    state.iteration += iterations
    return iterations


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray
) -> tuple[float, FloatArray]:
    """Nats of `tokens[1:]`, each given all before it, and the hidden state after `tokens[:-1]`.

    Reading starts with the hidden state `hidden` (H,); `tokens` (N,) has at least one token.
    """
    network, H, nats = transposed(network_of(parameters)), parameters.hidden_size, np.zeros(1)
    window = forward.window_of(network, hidden.reshape(1, H))
    text, length = text_of(tokens.reshape(1, -1)), np.array([len(tokens)])
    row = forward.read(H, network, text, np.zeros(1, np.int64), length, window, nats)
    return float(nats[0]), window.hs[row, :H].copy()


def nats_of_units(
    parameters: Parameters, tokens: NDArray[np.integer], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Nats of each unit of `tokens` (N,); `ends` (units,) are where they end.

    Each is read from a hidden state of zeros, and its first token is given. Units of about the same
    length are read side by side; which ones, and in which thread, changes no bit.
    """
    network, H = transposed(network_of(parameters)), parameters.hidden_size
    text, lengths, nats = text_of(tokens[None]), np.diff(ends, prepend=0), np.zeros(len(ends))
    starts, longest_first = ends - lengths, np.argsort(-lengths, kind="stable")
    units = longest_first[: np.count_nonzero(lengths > 1)]  # the others have nothing to predict
    work = 2 * len(tokens) * H * (H + parameters.vocabulary_size)
    threads = min(available_threads() if work > work_worth_threads else 1, len(units))

    def read_shares(shares: slice) -> None:
        for first in range(threads)[shares]:
            share = units[first::threads]
            for group in np.array_split(share, -(-len(share) // most_units)):
                window = forward.window_of(network, np.zeros((len(group), H), parameters.bh.dtype))
                read = np.zeros(len(group))
                forward.read(H, network, text, starts[group], lengths[group], window, read)
                nats[group] = read

    _in_parts(read_shares, threads, threads)
    return nats


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
    network, texts = transposed(network_of(parameters)), np.zeros(uniforms.shape, np.int64)
    Hp, Vp = network.Why.shape

    def sample_part(part: slice) -> None:
        tokens = np.array(first_tokens[part], np.int64)
        hs = padded_hidden(hidden[part], Hp, rows=2 * len(tokens))
        ps = aligned(hs.dtype, len(tokens), Vp)
        numbers = np.array(uniforms[part]), np.array(temperatures[part])
        forward.sample(network, hs, ps, tokens, *numbers, texts[part])

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


def _adagrad(state: TrainingState, sizes: Sizes, workers: int) -> Adagrad:
    """Padded copies of the sums of squares, and arrays for the update."""
    sums, options = pad(state.adagrad), state.hyperparameters
    (Vp, Hp), dtype = sums.Why.shape, sums.Why.dtype
    rows = strip_rows if workers == 1 else shared_strip_rows
    return Adagrad(
        sums=sums,
        dWxh=aligned(dtype, sizes.V, Hp),
        last_row=np.zeros(sizes.V, np.int64),
        strips=aligned(dtype, workers, rows, max(Hp, Vp)),
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
