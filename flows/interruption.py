"""Stopping well: a signal lets the work at hand come to a good end before it takes effect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextvars import copy_context
from threading import Event
from typing import TypeVar

Result = TypeVar("Result")


def finish_when_interrupted(work: Callable[[Event], Result]) -> Result:
    """Run `work` and return its result; a signal sets its event and is raised when it has ended.

    Signals reach the main thread alone, as TerminationSignal or KeyboardInterrupt at any byte code,
    so the work has a thread of its own. Replacing Prefect's handler instead would make its runner
    take a cancelled run for a crashed one.
    """
    stop = Event()
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(copy_context().run, work, stop)
        try:
            wait([future])
        except BaseException:
            stop.set()
            wait([future])
            raise
    return future.result()
