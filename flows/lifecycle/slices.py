"""Training in slices, short enough that progress is shown and a signal is answered soon."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

import numpy as np

from rnncore import Arithmetic, Tokens, TrainingDiverged, TrainingState, train

slice_seconds = 0.5

OnSlice = Callable[[TrainingState, float], None]  # the state, and characters per second so far


@dataclass(frozen=True, slots=True)
class ChunkStatistics:
    """The training since the last checkpoint; both are None where nothing was trained."""

    loss: float | None  # mean, nats per character
    characters_per_second: float | None  # None where it was too short to measure
    shard_cpus: tuple[str, ...] | None = None  # of each shard, where they differ


def train_until(
    state: TrainingState,
    tokens: Tokens,
    iteration: int,
    on_slice: OnSlice,
    stop: Event,
    arithmetic: Arithmetic | None = None,
) -> ChunkStatistics:
    """Train `state` in place up to `iteration`, or to the end of the slice in which `stop` is set.

    Raises `TrainingDiverged` when the loss or a weight is no longer finite.
    """
    options = state.hyperparameters
    characters = options.seq_length * options.batch_size  # that one iteration trains
    first = state.iteration
    loss = 0.0
    speed = Speed(slice_seconds)
    while state.iteration < iteration and not (stop.is_set() and state.iteration > first):
        size = min(speed.next_slice(), iteration - state.iteration)
        started = time.perf_counter()
        loss += float(np.sum(train(state, tokens, size, arithmetic=arithmetic)))
        speed.count(size, time.perf_counter() - started)
        on_slice(state, speed.per_second * characters)
    if not (state.parameters.is_finite() and state.adagrad.is_finite()):
        raise TrainingDiverged(state.iteration, math.inf, options.learning_rate, what="a weight")
    mean = loss / ((state.iteration - first) * options.seq_length)
    return ChunkStatistics(mean, speed.per_second * characters or None)


class Speed:
    """Iterations per second, and so how many make a slice."""

    def __init__(self, seconds: float) -> None:
        """`seconds` are those of a slice."""
        self._allowed = seconds
        self._size = 0  # of the last slice
        self._iterations = 0
        self._seconds = 0.0

    @property
    def per_second(self) -> float:
        """Iterations per second, 0 while unknown."""
        return self._iterations / self._seconds if self._seconds else 0.0

    def count(self, iterations: int, seconds: float) -> None:
        """Take a slice into account, but not the first: it may have compiled a kernel."""
        if self._size:
            self._iterations += iterations
            self._seconds += seconds
        self._size = iterations

    def next_slice(self) -> int:
        """Iterations of the next slice: twice the last one's, up to what the time allows."""
        doubled = 2 * self._size or 1
        allowed = int(self._allowed * self.per_second) if self._seconds else doubled
        return max(1, min(doubled, allowed))
