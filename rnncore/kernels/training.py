"""The training loop: an iteration is four phases, each shared out among the threads of the run.

Forward and backward are shared out by streams, the output layer by rows (time and stream alike),
the update by rows of weights.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.compiling import inlined, kernel
from rnncore.kernels.passes import backward, clear, copy, output, read_sequence
from rnncore.kernels.threads import meet
from rnncore.kernels.update import update
from rnncore.kernels.workspace import Adagrad, Passes, Sizes, Text, Weights
from rnncore.parameters import FloatArray


@kernel
def advance(
    worker: int, workers: int, sizes: Sizes, network: Weights, adagrad: Adagrad, passes: Passes,
    text: Text, hidden: FloatArray, progress: NDArray[np.float64], losses: NDArray[np.float64],
    arrivals: NDArray[np.int64],
) -> int:  # fmt: skip
    """Make `len(losses)` iterations as one of `workers` threads; returns how many were made.

    `progress` is (position, smooth loss); like `hidden` (B, Hp) it is left as the last iteration
    made it.
    """
    T, B, Hp = sizes.T, sizes.B, passes.hs.shape[1]
    first, last = B * worker // workers, B * (worker + 1) // workers
    top, bottom = T * B * worker // workers, T * B * (worker + 1) // workers
    position, smooth_loss, met = int(progress[0]), progress[1], 0
    for n in range(len(losses)):
        if position + T + 1 >= text.length:
            position = 0
            clear(hidden, first * Hp, last * Hp)
        read_sequence(sizes, network, passes, text, position, hidden, first, last)
        met = phase_end(workers, arrivals, met)
        output(sizes, network, passes, top, bottom)
        met = phase_end(workers, arrivals, met)
        loss = mean_loss(passes.nats)
        if worker == 0:
            losses[n], progress[0], progress[1] = loss, position, smooth_loss
        if not math.isfinite(loss):
            return n
        backward(sizes, network, passes, first, last)
        met = phase_end(workers, arrivals, met)
        update(worker, workers, sizes, network, adagrad, passes)
        copy(passes.hs, (T * B + first) * Hp, hidden, first * Hp, (last - first) * Hp)
        met = phase_end(workers, arrivals, met)
        position += T
        smooth_loss = smooth_loss * 0.999 + loss * 0.001
        if worker == 0:
            progress[0], progress[1] = position, smooth_loss
    return len(losses)


@inlined
def phase_end(workers: int, arrivals: NDArray[np.int64], met: int) -> int:
    """Wait until all workers are through with the phase; how often they have met by now."""
    if workers > 1:
        meet(arrivals, workers * (met + 1))
    return met + 1


@inlined
def mean_loss(nats: NDArray[np.float64]) -> float:
    """Nats of the sequence, averaged over the streams."""
    loss = 0.0
    for row in nats:
        for value in row:
            loss += value
    return float(loss / nats.shape[1])
