"""The schedule of a run: how long it trains, where it writes checkpoints, where it is evaluated."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import count, groupby, takewhile
from typing import NamedTuple

from flows.lifecycle.request import TrainingRequest
from flows.storage.runs import Run
from rnncore import estimates

operations_per_second = 5e10  # nominal: about a core of 2020; on purpose not measured
checkpoints_a_run = 10
shortest_chunk = 2.0  # seconds of work, at the nominal speed
longest_chunk = 1800.0


class Schedule(NamedTuple):
    """Where a run stops for a moment, in iterations: where there are rounds, at ends of rounds."""

    per_epoch: int
    goal: int  # the end of the present request
    checkpoint_every: int
    evaluate_every: int | None  # epochs, where there is patience
    round: int = 1

    def evaluations(self, until: int) -> Iterator[int]:
        """Iterations up to `until` after which the run is evaluated: whole epochs, since other
        places of the text are not comparable.
        """
        if self.evaluate_every:
            epochs: Iterator[int] = count(self.evaluate_every, self.evaluate_every)
        else:
            epochs = _doubling_epochs()
        ends = (round_up(self.per_epoch * epoch, self.round) for epoch in epochs)
        iterations = (at for at, _ in groupby(ends))  # a long round may end several epochs
        return takewhile(lambda iteration: iteration <= until, iterations)

    def chunk_end(self, iteration: int) -> int:
        """Where the chunk ends that begins at `iteration`."""
        return min(self.goal, (iteration // self.checkpoint_every + 1) * self.checkpoint_every)

    def checkpoints(self, iteration: int) -> int:
        """How many checkpoints are left to write after `iteration`."""
        multiples = self.goal // self.checkpoint_every - iteration // self.checkpoint_every
        every = self.checkpoint_every
        others = {at for at in self.evaluations(self.goal) if at > iteration} | {self.goal}
        between = sum(1 for at in others if at % every and at > iteration)
        return multiples + between


def schedule_of(
    request: TrainingRequest, run: Run, vocabulary_size: int, iterations_per_epoch: int
) -> Schedule:
    """The schedule of a run over so many characters, for what `request` asks of it."""
    length, shards = run.round_iterations or 1, run.shards or 1
    goal = goal_of(request, run, iterations_per_epoch)
    every = request.training.checkpoint_every
    if every is None:
        operations = shards * estimates.training_operations(vocabulary_size, run.network())
        speed = operations_per_second / operations  # iterations per second
        shortest, longest = math.ceil(shortest_chunk * speed), math.ceil(longest_chunk * speed)
        every = min(max(math.ceil(goal / checkpoints_a_run), shortest), longest)
    every = round_up(every, length)
    return Schedule(iterations_per_epoch, goal, every, run.evaluate_every, length)


def goal_of(request: TrainingRequest, run: Run, iterations_per_epoch: int) -> int:
    """The iteration that `request` trains a run to: the end of its last epoch, and of a round."""
    return round_up(request.epochs(run) * iterations_per_epoch, run.round_iterations or 1)


def round_up(iteration: int, length: int) -> int:
    """The end of the round, of `length` iterations, that `iteration` is in."""
    return -(-iteration // length) * length


def _doubling_epochs() -> Iterator[int]:
    """1, 2, 3, 4, 6, 8, 12, 16 …: 2ⁿ and 3 · 2ⁿ."""
    yield 1
    for power in count():
        yield 2 * 2**power
        yield 3 * 2**power
