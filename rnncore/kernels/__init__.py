"""The compiled kernels: train, read and write, as fast as the processor allows.

`vector` is a register's worth of floats, `elementary` their functions, `product` and
`row_product` matrix products;
`passes` and `update` are an iteration, `training` the loop, `forward` reading and writing alone.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels import forward, training
from rnncore.kernels.compiling import config
from rnncore.kernels.passes import block_rows
from rnncore.kernels.update import shared_strip_rows, strip_rows
from rnncore.kernels.workspace import (
    Adagrad,
    Sizes,
    aligned,
    network_of,
    pad,
    passes_of,
    text_of,
    turned,
    unpad,
)
from rnncore.parameters import FloatArray, Parameters
from rnncore.state import TrainingState

work_worth_threads = 3e7  # floating-point operations: a third of a millisecond on one core


def run(state: TrainingState, streams: NDArray[np.integer], losses: NDArray[np.float64]) -> int:
    """Advance `state` in place over `streams` (B, L) by an iteration for each of `losses`.

    Returns how many were made: fewer if a loss is not finite. `losses` then holds that one, and
    `state` stands before its iteration.
    """
    options, parameters = state.hyperparameters, state.parameters
    sizes = Sizes(
        parameters.hidden_size, parameters.vocabulary_size, options.seq_length, options.batch_size
    )
    workers = workers_for(sizes)
    strip = strip_rows if workers == 1 else shared_strip_rows
    network, sums = network_of(parameters), pad(state.adagrad)
    (Vp, Hp), dtype = network.Why.shape, network.Why.dtype
    adagrad = Adagrad(
        sums=sums,
        dWxh=aligned(dtype, sizes.V, Hp),
        last_row=np.zeros(sizes.V, np.int64),
        strips=aligned(dtype, workers, strip, max(Hp, Vp)),
        learning_rate=float(options.learning_rate),
        clip=float(options.gradient_clip),
    )
    hidden = memories(state.hidden, Hp, rows=sizes.B)
    progress = np.array([state.position, state.smooth_loss], np.float64)
    arguments = (
        workers, sizes, network, adagrad, passes_of(network, sizes.T, sizes.B), text_of(streams),
        hidden, progress, losses, np.zeros(1, np.int64),
    )  # fmt: skip
    others = [
        threading.Thread(target=training.advance, args=(worker, *arguments), daemon=True)
        for worker in range(1, workers)
    ]
    for thread in others:
        thread.start()
    made = int(training.advance(0, *arguments))
    for thread in others:
        thread.join()
    unpad(network, parameters)
    unpad(sums, state.adagrad)
    state.hidden = hidden[:, : sizes.H].copy()
    state.position, state.smooth_loss = int(progress[0]), float(progress[1])
    state.iteration += made
    return made


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray
) -> tuple[float, FloatArray]:
    """Nats of `tokens[1:]`, each given all before it, and the memory (H,) after `tokens[:-1]`.

    The text is read from memory `hidden` (H,) on; `tokens` (N,) are at least one.
    """
    network, H = network_of(parameters), parameters.hidden_size
    sizes = Sizes(H, parameters.vocabulary_size, block_rows, 1)
    memory = memories(hidden.reshape(1, H), network.Whh.shape[1], rows=1)
    passes = passes_of(network, sizes.T, sizes.B)
    nats = forward.read(sizes, network, passes, text_of(tokens.reshape(1, -1)), memory)
    return float(nats), memory[0, :H].copy()


def draw(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    uniforms: NDArray[np.float64],
    temperatures: NDArray[np.float64],
) -> NDArray[np.int64]:
    """S texts (S, length), one from each of the memories `hidden` (S, H) and `first_tokens` (S,).

    A character is drawn where the summed probabilities pass its number of `uniforms` (S, length);
    a text of temperature 0 takes the likeliest. No text depends on those beside it.
    """
    network, drawn = turned(network_of(parameters)), np.zeros(uniforms.shape, np.int64)
    Hp, Vp = network.Why.shape

    def draw_some(chosen: slice) -> None:
        tokens = np.array(first_tokens[chosen], np.int64)
        hs = memories(hidden[chosen], Hp, rows=2 * len(tokens))
        ps = aligned(network.Why.dtype, len(tokens), Vp)
        chances, heats = np.array(uniforms[chosen]), np.array(temperatures[chosen])
        forward.draw(network, hs, ps, tokens, chances, heats, drawn[chosen])

    work = 2 * drawn.size * parameters.hidden_size * (parameters.hidden_size + Vp)
    shares = available_threads() if work > work_worth_threads else 1
    if shares == 1:
        draw_some(slice(None))
        return drawn
    ends = [len(drawn) * share // shares for share in range(shares + 1)]
    with ThreadPoolExecutor(shares) as pool:
        list(pool.map(draw_some, map(slice, ends, ends[1:])))
    return drawn


def memories(hidden: FloatArray, Hp: int, *, rows: int) -> FloatArray:
    """Aligned array (rows, Hp) that starts with the memories `hidden` (S, H)."""
    padded = aligned(hidden.dtype, rows, Hp)
    padded[: hidden.shape[0], : hidden.shape[1]] = hidden
    return padded


def workers_for(sizes: Sizes) -> int:
    """Threads for a training run: those available, if an iteration gives them enough to do.

    The answer decides speed alone: the bytes are the same with any number of threads.
    """
    work = 6 * sizes.T * sizes.B * sizes.H * (sizes.H + sizes.V)
    return available_threads() if work > work_worth_threads else 1


def available_threads() -> int:
    """As many as numba would use: the cores of this process, or `NUMBA_NUM_THREADS`."""
    return int(config.NUMBA_NUM_THREADS)
