"""Things that threads take for a while and give back: as many are made as are in use at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Spares(Generic[Item]):
    """Those that were made; none is given to two threads at once."""

    def __init__(self, make: Callable[[], Item]) -> None:
        self._make = make
        self._free: deque[Item] = deque()
        self.all: list[Item] = []

    @contextmanager
    def taken(self) -> Iterator[Item]:
        """One of them, until the block ends."""
        try:
            item = self._free.pop()
        except IndexError:
            item = self._make()
            self.all.append(item)
        try:
            yield item
        finally:
            self._free.append(item)
