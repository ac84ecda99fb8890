"""What a process has read of one store, so that it reads each immutable object only once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any, Literal, TypeVar

Kind = Literal["record", "document", "dataset", "split", "shard", "vocabulary"]
Found = TypeVar("Found")

sizes: dict[Kind, int] = {
    "record": 16_384,  # of a few kB each; a log is read from its newest record to its oldest
    "document": 256,
    "dataset": 4,  # mapped from disk: a run's, and those that it is compared with
    "vocabulary": 16,  # of runs that started from a checkpoint
    "split": 2,  # copies of the tokens: a run asks for the same ones at each chunk
    "shard": 64,  # parts of these, as a round asks for them
}


class Cache:
    """The objects used last of each kind. What was not read in full, or is corrupt, is not kept."""

    def __init__(self) -> None:
        self._kept: dict[Kind, OrderedDict[Hashable, Any]] = {kind: OrderedDict() for kind in sizes}
        self._lock = Lock()
        self.synced_folders: set[str] = set()  # of a local store: durable in the folder above
        self.synced_objects: set[str] = set()  # of a local store, by location

    def get(self, kind: Kind, key: Hashable, read: Callable[[], Found]) -> Found:
        """The object kept under `key`, or what `read` returns. Two threads may read the same."""
        kept = self._kept[kind]
        with self._lock:
            if key in kept:
                kept.move_to_end(key)
                found: Found = kept[key]
                return found
        found = read()
        self.put(kind, key, found)
        return found

    def put(self, kind: Kind, key: Hashable, value: object) -> None:
        """Keep an object that was read or written."""
        kept = self._kept[kind]
        with self._lock:
            kept[key] = value
            while len(kept) > sizes[kind]:
                kept.popitem(last=False)

    def forget(self, path: str) -> None:
        """Drop what was read from `path`, since the object there is removed."""
        with self._lock:
            for kept in self._kept.values():
                kept.pop(path, None)
