"""Runs that are killed before an operation on their store, in this process; and what that cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from flows.storage import stores
from flows.storage.cache import Cache
from flows.storage.registry import Registry
from flows.storage.stores import Store, cache_of
from flows.storage.versions import Version
from tests.support.retention import DyingStore, Killed
from tests.support.stores import reopened


class Operations:
    """Operations on stores, counted; after the last one that is allowed their process is dead."""

    def __init__(self, allowed: float = float("inf")) -> None:
        self.allowed = allowed
        self.count = 0

    def next(self) -> None:
        """One more; raises `Killed` after the last."""
        self.count += 1
        if self.count > self.allowed:
            raise Killed


class WatchedStore(DyingStore):
    """Counts its operations together with those of other stores."""

    def __init__(self, store: Store, operations: Operations) -> None:
        super().__init__(store, 0)
        self.cache = store.cache
        self._operations = operations

    def _live(self) -> None:
        self._operations.next()


@contextmanager
def watched(operations: Operations) -> Iterator[None]:
    """All stores that are opened count their operations; none is cached after a kill."""
    connect = stores.connect

    def connect_watched(url: str, cache: Cache) -> Store:
        return WatchedStore(connect(url, cache), operations)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stores, "connect", connect_watched)
        try:
            yield
        finally:
            cache_of.cache_clear()


def payloads(store: Path) -> dict[str, bytes]:
    """Every checkpoint's payload by its place."""
    return {
        path.relative_to(store).as_posix(): path.read_bytes()
        for path in store.rglob("*.safetensors")
    }


def decisions(store: Path, model: str) -> list[Version]:
    """What was decided, newest first, without the times."""
    return [entry.version for entry in Registry(reopened(str(store)), model).history().entries]


def reports(store: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of each report, without the times."""
    files = store.glob("reports/s*/*/*/*.parquet")  # samples and summaries
    tables = {str(path.relative_to(store)): pq.read_table(path) for path in files}
    return {name: table.drop_columns(["created_at"]).to_pylist() for name, table in tables.items()}
