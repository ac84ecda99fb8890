"""Training in rounds: the shards of each round on the workers of an executor, then averaged.

A round is cut into legs of a few seconds, so that progress is shown and a stop is answered. Neither
legs nor workers change a byte.
"""

from __future__ import annotations

import logging
import math
import time
from concurrent.futures import Executor
from threading import Event
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.lifecycle.machine import cpu_model, fitting
from flows.lifecycle.slices import OnSlice, Speed
from flows.storage.open_run import OpenRun, open_run
from flows.storage.payload import Payload
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import (
    Arithmetic,
    RoundOptions,
    TokenRanges,
    TrainingDiverged,
    TrainingState,
    finish_round,
    shard_bounds,
    shard_states,
    train,
)
from rnncore.averaging import shares_of

leg_seconds = 3.0
keep_seconds = 20.0  # of work, after which the end of a round is kept
logger = logging.getLogger(__name__)


class ShardText(NamedTuple):
    """Where a worker finds the tokens of shards: it reads them itself, once."""

    store: str  # a URL that is the same everywhere
    model: str
    run_id: str
    vocabulary: Vocabulary
    shards: int


class Leg(NamedTuple):
    """Some iterations of a shard."""

    text: ShardText
    shard: int
    state: TrainingState
    iterations: int
    arithmetic: Arithmetic


class LegEnd(NamedTuple):
    """What came of a leg."""

    state: TrainingState
    losses: NDArray[np.float64]
    cpu: str
    diverged: float | None = None  # the loss that is not finite


def train_leg(leg: Leg) -> LegEnd:
    """Train a leg, in whatever process and on whatever machine this is."""
    state, arithmetic = leg.state, fitting(leg.arithmetic, leg.state.hyperparameters)
    try:
        losses = train(state, _part(leg.text, leg.shard), leg.iterations, arithmetic=arithmetic)
    except TrainingDiverged as error:
        return LegEnd(state, np.empty(0), cpu_model(), error.loss)
    return LegEnd(state, losses, cpu_model())


def _part(text: ShardText, shard: int) -> TokenRanges:
    """The tokens of a shard, which this process keeps."""
    opened = open_run(text.store, text.model, text.run_id)

    def read() -> TokenRanges:
        training = opened.split_for(text.vocabulary).training
        return training.part(*shard_bounds(len(training), text.shards)[shard])

    key = text.model, text.run_id, text.vocabulary, text.shards, shard
    return opened.store.cache.get("shard", key, read)


class RoundTrainer:
    """The shards of a run, on the workers of an executor, or one after the other where it is None."""

    def __init__(
        self,
        opened: OpenRun,
        vocabulary: Vocabulary,
        options: RoundOptions,
        arithmetic: Arithmetic,
        executor: Executor | None,
    ) -> None:
        self._opened = opened
        self._vocabulary = vocabulary
        self._options = options
        self._arithmetic = arithmetic
        self._map = executor.map if executor else map
        self._speed = Speed(leg_seconds)
        self._cpus: list[set[str]] = [set() for _ in range(options.shards)]
        location = everywhere(opened.store)
        self._text = ShardText(location, opened.model, opened.run_id, vocabulary, options.shards)
        bounds = shard_bounds(len(opened.split_for(vocabulary).training), options.shards)
        self._weights = [end - start for start, end in bounds]

    def train_until(self, state: TrainingState, goal: int, on_slice: OnSlice, stop: Event) -> None:
        """Advance `state` in place up to iteration `goal`, or to the last round before `stop` is set.

        The end of a round is kept in the store now and then. Raises `TrainingDiverged` when the loss
        or a weight is no longer finite.
        """
        kept_at = time.monotonic()
        while state.iteration < goal and self._round(state, on_slice, stop):
            if not (state.parameters.is_finite() and state.adagrad.is_finite()):
                rate = state.hyperparameters.learning_rate
                raise TrainingDiverged(state.iteration, math.inf, rate, what="a weight")
            if state.iteration < goal and time.monotonic() - kept_at >= keep_seconds:
                self._opened.kept_rounds.keep(Payload(state, self._vocabulary))
                kept_at = time.monotonic()
            if stop.is_set():
                break

    def _round(self, state: TrainingState, on_slice: OnSlice, stop: Event) -> bool:
        """Train one round; whether it was not given up, since `stop` was set."""
        states, left = shard_states(state), self._options.iterations
        losses: list[list[NDArray[np.float64]]] = [[] for _ in states]
        while left:
            size = min(self._speed.next_slice(), left)
            if size < left and stop.is_set():
                return False
            started = time.perf_counter()
            for number, end in enumerate(self._leg(states, size)):
                states[number] = end.state
                losses[number].append(end.losses)
            self._speed.count(size, time.perf_counter() - started)
            left -= size
            on_slice(states[0], self.characters_per_second(state))
        finish_round(state, states, self._weights, self._options.outer)
        if state.rounds:
            sums = (float(np.concatenate(parts).sum()) for parts in losses)
            pairs = zip(shares_of(self._weights), sums, strict=True)
            state.rounds.loss += sum(share * loss for share, loss in pairs)
        return True

    def _leg(self, states: list[TrainingState], iterations: int) -> list[LegEnd]:
        legs = [
            Leg(self._text, number, state, iterations, self._arithmetic)
            for number, state in enumerate(states)
        ]
        ends = []
        for number, end in enumerate(self._map(train_leg, legs)):
            if end.diverged is not None:
                what = f"the loss of shard {number + 1} of {len(states)}"
                rate = end.state.hyperparameters.learning_rate
                raise TrainingDiverged(end.state.iteration, end.diverged, rate, what=what)
            self._cpus[number].add(end.cpu)
            ends.append(end)
        return ends

    def characters_per_second(self, state: TrainingState) -> float:
        """Of all shards together; 0 while unknown."""
        options = state.hyperparameters
        iteration = options.seq_length * options.batch_size * self._options.shards
        return self._speed.per_second * iteration

    def other_cpus(self) -> tuple[str, ...] | None:
        """The processors of each shard, where one is not that of this process; which is logged."""
        names = tuple(" and ".join(sorted(found)) for found in self._cpus)
        others = {name for found in self._cpus for name in found} | {cpu_model()}
        if len(others) == 1:
            return None
        logger.warning(
            "results may differ in their last bits from those of one kind of processor: shards ran"
            " on %s",
            ", ".join(sorted(others)),
        )
        return names


def everywhere(store: Store) -> str:
    """The URL of a store for a process that has another working directory."""
    folder = store.local_file(".")
    return store.url if folder is None else str(folder.absolute())
