"""Memory that the works of a process share: one waits while others have taken it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

seconds_between = 0.5  # questions whether to go on waiting


class Room:
    """So many bytes, of which works take some; one that asks for more than there is has it alone."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._taken = 0
        self._changed = Condition()

    @contextmanager
    def taken(self, size: int, on_wait: Callable[[], None]) -> Iterator[None]:
        """Wait until `size` bytes are free, and have them for a while; `on_wait` may raise."""
        with self._changed:
            while self._taken and self._taken + size > self._most():
                on_wait()
                self._changed.wait(seconds_between)
            self._taken += size
        try:
            yield
        finally:
            with self._changed:
                self._taken -= size
                self._changed.notify_all()
