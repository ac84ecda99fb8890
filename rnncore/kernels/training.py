"""Train a state: its arrays are padded, the threads run the loop, the results are copied back."""

from __future__ import annotations

import threading
from contextvars import copy_context

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels import loop
from rnncore.kernels.simd import threads_for
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
    transposed_copies,
    unpad,
)
from rnncore.state import TrainingState


def train(
    state: TrainingState,
    streams: NDArray[np.integer],
    losses: NDArray[np.float64],
    *,
    lanes: int,
    transposed: bool,
) -> int:
    """Advance `state` in place over `streams` (B, L) by one iteration for each of `losses`.

    `lanes` are the floats of a vector; with `transposed`, hidden states are multiplied by
    transposed copies of the weights. Returns how many were done: fewer if a loss is not finite.
    `losses` then holds that one, and `state` is that before its iteration.
    """
    options, parameters = state.hyperparameters, state.parameters
    H, V = parameters.hidden_size, parameters.vocabulary_size
    sizes = Sizes(H, V, options.seq_length, options.batch_size)
    workers, network = workers_for(sizes), network_of(parameters, lanes)
    run = Run(
        sizes=sizes,
        network=network,
        transposed=transposed_copies(network) if transposed else not_transposed(network),
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


def workers_for(sizes: Sizes) -> int:
    """Threads for a training run; the number decides the speed alone, not the bytes."""
    return threads_for(6 * sizes.T * sizes.B * sizes.H * (sizes.H + sizes.V))


def _adagrad(state: TrainingState, network: Weights, sizes: Sizes, workers: int) -> Adagrad:
    """Padded copies of the sums of squares, and arrays for the update."""
    sums, options = pad(state.adagrad, network.Whh.lanes), state.hyperparameters
    Vp, Hp = sums.Why.shape
    rows = min(strip_rows(Hp * sums.Why.dtype.itemsize, sizes.T * sizes.B), max(Hp, Vp))
    return Adagrad(
        sums=sums,
        dWxh=like(network, sizes.V, Hp),
        last_row=np.zeros(sizes.V, np.int64),
        strips=like(network, workers, max(rows * Hp, Vp)),
        rows=rows,
        learning_rate=float(options.learning_rate),
        clip=float(options.gradient_clip),
    )


def _advance_together(workers: int, run: Run) -> int:
    """Train with `workers` threads, of which this one is the first; returns the iterations."""
    others = [
        threading.Thread(
            target=copy_context().run, args=(loop.advance, worker, workers, run), daemon=True
        )
        for worker in range(1, workers)
    ]
    for thread in others:
        thread.start()
    iterations = int(loop.advance(0, workers, run))
    for thread in others:
        thread.join()
    return iterations
