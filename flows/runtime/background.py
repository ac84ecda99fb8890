"""Calls to Prefect's server in a thread of their own, so that training waits for no answer."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import copy_context
from threading import Thread


class BackgroundCall:
    """A thread for one call at a time; calls made while one is going on are left out."""

    def __init__(self) -> None:
        self._thread: Thread | None = None

    def start(self, call: Callable[[], None]) -> None:
        """Start `call` in the caller's context, unless the last one has not ended yet."""
        if self._thread and self._thread.is_alive():
            return
        self._thread = Thread(target=copy_context().run, args=(call,), daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the last call to end, that long at most."""
        if self._thread:
            self._thread.join(seconds)
