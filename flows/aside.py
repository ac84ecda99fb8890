"""Talking to Prefect's server beside the training, which waits for no answer."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread


class Aside:
    """A thread for one piece of work at a time; what comes while one is under way is left out."""

    def __init__(self) -> None:
        self._thread: Thread | None = None

    def run(self, work: Callable[[], None]) -> None:
        """Begin `work` in the caller's context, unless the last is not done yet."""
        if self._thread and self._thread.is_alive():
            return
        self._thread = Thread(target=copy_context().run, args=(work,), daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Give the last piece of work that long to end."""
        if self._thread:
            self._thread.join(seconds)
