"""Training in slices: short enough that people see progress and a signal is answered soon."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from flows.storage.datasets import TokenArray
from rnncore import TrainingDiverged, TrainingState, train

slice_seconds = 0.5
first_size = 100  # iterations, to learn the pace with

OnSlice = Callable[[TrainingState, float], None]  # the state, and characters per second so far


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a stretch of training between two checkpoints was like."""

    loss: float  # mean, nats a character
    characters_per_second: float


def train_until(
    state: TrainingState, tokens: TokenArray, iteration: int, on_slice: OnSlice
) -> Stretch:
    """Train `state` in place up to `iteration`, calling `on_slice` after each slice.

    Raises `TrainingDiverged` when the loss or a weight is no longer finite.
    """
    options = state.hyperparameters
    characters = options.seq_length * options.batch_size  # that one iteration trains
    first = state.iteration
    loss = 0.0
    pace = _Pace()
    while state.iteration < iteration:
        size = min(pace.next_size(), iteration - state.iteration)
        started = time.perf_counter()
        loss += float(np.sum(train(state, tokens, size)))
        pace.count(size, time.perf_counter() - started)
        on_slice(state, pace.per_second * characters)
    if not (state.parameters.is_finite() and state.adagrad.is_finite()):
        raise TrainingDiverged(state.iteration, math.inf, options.learning_rate)
    mean = loss / ((state.iteration - first) * options.seq_length)
    return Stretch(mean, pace.per_second * characters)


class _Pace:
    """How fast iterations go, and so how many make a slice."""

    def __init__(self) -> None:
        self._iterations = 0
        self._seconds = 0.0

    @property
    def per_second(self) -> float:
        """Iterations a second."""
        return self._iterations / self._seconds if self._seconds else 0.0

    def count(self, iterations: int, seconds: float) -> None:
        """Take a slice into account; the first may have compiled a kernel, so the next replaces it."""
        if self._iterations <= 1:
            self._iterations, self._seconds = iterations, seconds
        else:
            self._iterations += iterations
            self._seconds += seconds

    def next_size(self) -> int:
        """Iterations of the next slice: one, a hundred to learn the pace, then half a second's."""
        if self._iterations <= 1:
            return first_size if self._iterations else 1
        return max(1, int(slice_seconds * self.per_second))
