"""The training loop: an iteration is four phases, each divided among the threads of the run.

Forward and backward pass are divided by streams, the output layer by rows (pairs of time step and
stream), the update by rows of weights. A barrier ends each phase.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.passes import backward_pass, forward_pass, output_layer
from rnncore.kernels.simd import barrier, clear, copy, inlined, kernel
from rnncore.kernels.update import update
from rnncore.kernels.workspace import Run


@kernel
def advance(worker: int, workers: int, run: Run) -> int:
    """Train for `len(losses)` iterations as one of the threads; returns how many were done."""
    sizes, network, transposed = run.sizes, run.network, run.transposed
    activations, hidden = run.activations, run.hidden
    T, B, Hp = sizes.T, sizes.B, hidden.shape[1]
    first, last = B * worker // workers, B * (worker + 1) // workers
    top, bottom = T * B * worker // workers, T * B * (worker + 1) // workers
    position, smooth_loss, phases = int(run.progress[0]), run.progress[1], 0
    for n in range(len(run.losses)):
        if position + T + 1 >= run.text.length:
            position = 0
            clear(hidden, first * Hp, last * Hp)
        forward_pass(
            sizes, network, transposed, activations, run.text, position, hidden, first, last
        )
        phases = end_phase(workers, run.arrivals, phases)
        output_layer(sizes, network, transposed, activations, top, bottom)
        phases = end_phase(workers, run.arrivals, phases)
        loss = mean_loss(activations.nats)
        if worker == 0:
            run.losses[n], run.progress[0], run.progress[1] = loss, position, smooth_loss
        if not math.isfinite(loss):
            return n
        backward_pass(sizes, network, activations, first, last)
        phases = end_phase(workers, run.arrivals, phases)
        update(worker, workers, sizes, network, transposed, run.adagrad, activations)
        copy(activations.hs, (T * B + first) * Hp, hidden, first * Hp, (last - first) * Hp)
        phases = end_phase(workers, run.arrivals, phases)
        position, smooth_loss = position + T, smooth_loss * 0.999 + loss * 0.001
    if worker == 0:
        run.progress[0], run.progress[1] = position, smooth_loss
    return len(run.losses)


@inlined
def end_phase(workers: int, arrivals: NDArray[np.int64], phases: int) -> int:
    """Wait until all workers have finished the phase; returns the number of phases so far."""
    if workers > 1:
        barrier(arrivals, workers * (phases + 1))
    return phases + 1


@inlined
def mean_loss(nats: NDArray[np.float64]) -> float:
    """Loss of the sequence, averaged over the streams; every worker adds in the same order."""
    loss = 0.0
    for row in nats:
        for value in row:
            loss += value
    return float(loss / nats.shape[1])
