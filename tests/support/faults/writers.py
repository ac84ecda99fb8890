"""Processes that train and commit, killed at random times; and checks of the store after that."""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from flows.exceptions import RunConflict
from flows.storage.canonical import digest
from flows.storage.checkpoints import CheckpointLog
from flows.storage.log import Log
from flows.storage.payload import write_payload
from flows.storage.stores import open_store
from rnncore import train
from tests.support.damage import reported
from tests.support.states import facts, make_state, tokens, vocabulary
from tests.support.stores import reopened

run_id = "0" * 16


class Progress(NamedTuple):
    """What a writer reports, in shared memory that outlives it."""

    committing: Any  # 1 while a commit is under way
    acknowledged: Any  # iteration of the last commit that returned
    commits: Any
    seconds: Any  # that the last commit took


def write(url: str, every: int, progress: Progress, environment: Mapping[str, str]) -> None:
    """Train and commit for ever; a writer that lost a race continues from the winner's state."""
    os.environ.update(environment)  # the fork server may have started before the keys were set
    log = CheckpointLog(open_store(url), "default", run_id)
    while True:
        newest = log.newest()
        state = newest.payload.state if newest else make_state(iterations=0)
        train(state, tokens, every - state.iteration % every, backend="numpy")
        started = time.monotonic()
        progress.committing.value = 1
        try:
            log.commit(state, vocabulary, facts, after=newest.after if newest else -1)
            progress.acknowledged.value = state.iteration
            progress.commits.value += 1
        except RunConflict:
            pass
        progress.committing.value = 0
        progress.seconds.value = time.monotonic() - started


class Undisturbed:
    """A run without faults, trained as far as needed."""

    def __init__(self) -> None:
        self._state = make_state(iterations=0)
        self._digests = [digest(write_payload(self._state, vocabulary))]

    def digest(self, iteration: int) -> str:
        """Digest of the checkpoint of that iteration."""
        while len(self._digests) <= iteration:
            train(self._state, tokens, 1, backend="numpy")
            self._digests.append(digest(write_payload(self._state, vocabulary)))
        return self._digests[iteration]


undisturbed = Undisturbed()


class Writers:
    """Processes that write to one run, each with its own chunk length."""

    def __init__(self, url: str, lengths: Sequence[int], seed: int) -> None:
        self.url = url
        self.counts: Counter[str] = Counter()
        self._lengths = lengths
        self._random = random.Random(seed)
        self._context = _context()
        shared = self._context.Value
        self._progress = [
            Progress(*(shared(kind, 0, lock=False) for kind in "bqqd")) for _ in lengths
        ]
        self._processes: list[BaseProcess] = []

    def kill(self, times: int, pause: float) -> None:
        """Start all, kill one at a random time, and check the store; at least `times` times.

        It repeats until a quarter of the kills were inside a commit, at most three times as often.
        """

        def enough() -> bool:
            kills = self.counts["kills"]
            return times <= kills and (not self._few_inside() or 3 * times <= kills)

        self.disturb(lambda: self._kill_one(pause), enough)

    def disturb(self, disturbance: Callable[[], None], enough: Callable[[], bool]) -> None:
        """Start all; call `disturbance` and check the store until `enough` is true."""
        try:
            self._processes = [self._start(number) for number in range(len(self._lengths))]
            while not enough():
                disturbance()
                self._restart_killed()
                self._check()
        finally:
            for process in self._processes:
                process.kill()
                process.join()
        self.counts["commits acknowledged"] = sum(p.commits.value for p in self._progress)
        self._check_everything()

    def _start(self, number: int) -> BaseProcess:
        arguments = (self.url, self._lengths[number], self._progress[number], dict(os.environ))
        process = self._context.Process(target=write, args=arguments, daemon=True)
        process.start()
        return process

    def _kill_one(self, pause: float) -> None:
        """Half of the kills wait for a commit to begin; all do while too few were inside one."""
        number = self._random.randrange(len(self._processes))
        process, progress = self._processes[number], self._progress[number]
        before = progress.commits.value
        deadline = time.monotonic() + 60 * pause
        while progress.commits.value == before and time.monotonic() < deadline:
            assert process.is_alive(), "a writer ended before it was killed"
            time.sleep(pause / 100)
        time.sleep(self._random.uniform(0, pause))
        if self._random.random() < 0.5 or self._few_inside():
            while not progress.committing.value and time.monotonic() < deadline:
                pass
            time.sleep(self._random.uniform(0, progress.seconds.value))
        process.kill()
        process.join()
        self.counts["kills"] += 1
        self.counts["kills inside a commit"] += progress.committing.value
        progress.committing.value = 0

    def _few_inside(self) -> bool:
        return 4 * self.counts["kills inside a commit"] < self.counts["kills"]

    def _restart_killed(self) -> None:
        for number, process in enumerate(self._processes):
            if not process.is_alive():
                self.counts["restarts"] += 1
                self._processes[number] = self._start(number)

    def _check(self) -> None:
        """Check that what was acknowledged exists and is intact."""
        acknowledged = max(progress.acknowledged.value for progress in self._progress)
        with reported() as problems:
            newest = CheckpointLog(reopened(self.url), "default", run_id).newest()
        assert [] == problems
        if newest is None:
            assert 0 == acknowledged
            return
        assert acknowledged <= newest.record.iteration
        assert undisturbed.digest(newest.record.iteration) == newest.record.digest

    def _check_everything(self) -> None:
        """Check: one record per number, no iteration twice, bytes as in a run without faults."""
        store = open_store(self.url)
        log = CheckpointLog(store, "default", run_id)
        listing = Log(store, f"models/default/runs/{run_id}/log").list_records()
        found = list(listing.newest_first("checkpoint"))[::-1]
        iterations = [record.content["iteration"] for record in found]
        assert [] == listing.damaged
        assert list(range(len(found))) == [record.number for record in found]
        assert sorted(set(iterations)) == iterations
        for record in log.records():
            assert undisturbed.digest(record.iteration) == record.digest
            log.read(record)
        self.counts["commits verified"] = len(found)
        assert self.counts["commits acknowledged"] <= self.counts["commits verified"] * len(
            self._lengths
        )


def _context() -> ForkServerContext:
    """New processes are forked from a server that has imported this module: they start fast."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context
