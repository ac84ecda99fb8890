"""What a process has read of one store, so that it reads each immutable object only once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Literal, TypeVar

Kind = Literal["record", "document", "dataset", "split", "reported"]
Found = TypeVar("Found")

sizes: dict[Kind, int] = {
    "record": 4096,  # of a few kB at most
    "document": 256,
    "dataset": 2,  # mapped from disk
    "split": 2,  # copies of the tokens: a run asks for the same ones at each chunk
    "reported": 1024,  # messages about corrupt objects, each logged once
}


class Cache:
    """The objects used last of each kind. What was not read in full, or is corrupt, is not kept."""

    def __init__(self) -> None:
        self._kept: dict[Kind, OrderedDict[Hashable, Any]] = {kind: OrderedDict() for kind in sizes}
        self._lock = Lock()

    def get(self, kind: Kind, key: Hashable, read: Callable[[], Found]) -> Found:
        """The object kept under `key`, or what `read` returns. Two threads may read the same."""
        kept = self._kept[kind]
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
                found: Found = kept[key]
                return found
        found = read()
        with self._lock:
            kept[key] = found
            while len(kept) > sizes[kind]:
                kept.popitem(last=False)
        return found

    def forget(self, path: str) -> None:
        """Drop what was read from `path`, since the object there is removed."""
        with self._lock:
            for kept in self._kept.values():
                kept.pop(path, None)

    def is_first(self, message: str) -> bool:
        """Whether `message` was not reported before."""
        new: list[str] = []
        self.get("reported", message, lambda: new.append(message))
        return bool(new)
