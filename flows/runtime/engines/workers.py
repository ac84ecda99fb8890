"""Workers: tasks submitted in a window, read as they end, and stopped together."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import wait
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from prefect import Task
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner

from flows.exceptions import RunCancelled
from flows.runtime.interruption import ask_seconds, is_cancelled, stopped_together

window = 4  # pieces a worker, submitted before the first has ended


class Piece(NamedTuple):
    """A call of a task."""

    name: str  # of its task run
    arguments: dict[str, Any]  # of the task, by name


class Outcome(NamedTuple):
    """What came of a piece."""

    piece: Piece
    value: Any  # None where it failed
    error: BaseException | None


Waiting = dict[Any, tuple[Piece, PrefectFuture[Any]]]  # by futures that call back


class Workers:
    """Threads of this process, behind Prefect's task runner; the base of other engines."""

    def __init__(self, runner: TaskRunner[Any], count: int) -> None:
        self._runner = runner
        self.count = count  # of workers
        self._asked = time.monotonic()

    def outcomes(self, task: Task[..., Any], pieces: Iterable[Piece]) -> Iterator[Outcome]:
        """Run `task` on each of `pieces`; what came of each, as they end.

        A piece that fails does not stop the others. Raises `RunCancelled` where the flow run was
        cancelled: pieces in progress have ended by then, as on any other end.
        """
        ended: SimpleQueue[Any] = SimpleQueue()
        waiting: Waiting = {}
        left = iter(pieces)
        with stopped_together() as stop:
            try:
                while True:
                    for piece in islice(left, window * self.count - len(waiting)):
                        future, submitted = self._submit(task, piece)
                        waiting[future] = piece, submitted
                        future.add_done_callback(ended.put)
                    if not waiting:
                        return
                    yield self._outcome(task, *waiting.pop(self._next(ended)))
            except RunCancelled:
                stop()
                yield from self._ended(task, waiting)
                raise
            except BaseException:
                stop()
                self._end(task, waiting)
                raise

    def _ended(self, task: Task[..., Any], waiting: Waiting) -> Iterator[Outcome]:
        """What came of pieces that had ended before the run was cancelled; the others end here."""
        try:
            for future in [each for each in waiting if each.done()]:
                yield self._outcome(task, *waiting.pop(future))
        finally:
            self._end(task, waiting)

    def _submit(self, task: Task[..., Any], piece: Piece) -> tuple[Any, PrefectFuture[Any]]:
        """A piece's future, which calls back and can be cancelled, and Prefect's around it."""
        named = task.with_options(task_run_name=piece.name)
        submitted = self._runner.submit(named, parameters=piece.arguments)
        return submitted.wrapped_future, submitted

    def _next(self, ended: SimpleQueue[Any]) -> Any:
        """The next future that has ended; it asks now and then whether the run was cancelled."""
        while True:
            if time.monotonic() > self._asked + ask_seconds:
                self._check()
                if is_cancelled():
                    raise RunCancelled("stopped: run again to go on")
                self._asked = time.monotonic()
            with suppress(Empty):
                return ended.get(timeout=ask_seconds)

    def _check(self) -> None:
        """Find out whether the workers are still there; threads are."""

    def _end(self, task: Task[..., Any], waiting: Waiting) -> None:  # noqa: ARG002 - as below
        """Cancel the futures that have not begun, and wait for the others."""
        wait([future for future in waiting if not future.cancel()])

    def _outcome(
        self,
        task: Task[..., Any],  # noqa: ARG002 - for other engines
        piece: Piece,
        submitted: PrefectFuture[Any],
    ) -> Outcome:
        """What came of a piece that has ended."""
        value = submitted.result(raise_on_failure=False)
        if isinstance(value, BaseException):
            return Outcome(piece, None, value)
        return Outcome(piece, value, None)
