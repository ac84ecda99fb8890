"""Stores for tests: wrapped, reopened, with objects overwritten; and functions run in parallel."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from threading import Barrier, Thread

from flows.storage import bounds
from flows.storage.cache import Cache
from flows.storage.copies import cache_folder
from flows.storage.stores import Store, connect
from flows.storage.usage import Usage


class StoreWrapper:
    """Passes every call on to another store; tests override methods to inject faults."""

    def __init__(self, store: Store) -> None:
        self.inner = store
        self.url = store.url
        self.exclusive = store.exclusive
        self.cache = Cache()

    def is_new(self) -> bool:
        return self.inner.is_new()

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        return self.inner.read(path, most)

    def names(self, folder: str) -> list[str]:
        return self.inner.names(folder)

    def written(self, folder: str) -> dict[str, float]:
        return self.inner.written(folder)

    def temporary(self, folder: str) -> dict[str, float]:
        return self.inner.temporary(folder)

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        self.inner.create(path, data, private=private)

    def put(self, path: str, data: bytes) -> None:
        self.inner.put(path, data)

    def put_stream(
        self, path: str, pieces: Iterable[bytes | memoryview], *, private: bool = True
    ) -> str:
        return self.inner.put_stream(path, pieces, private=private)

    def download(self, path: str, target: Path, most: int) -> None:
        self.inner.download(path, target, most)

    def sizes(self, folder: str) -> dict[str, int]:
        return self.inner.sizes(folder)

    def replace(self, path: str, data: bytes) -> None:
        self.inner.replace(path, data)

    def usage(self, folder: str) -> Usage:
        return self.inner.usage(folder)

    def remove(self, path: str) -> None:
        self.cache.forget(path)
        self.inner.remove(path)

    def remove_folders(self, folder: str) -> None:
        self.inner.remove_folders(folder)

    def location(self, path: str) -> str:
        return self.inner.location(path)

    def local_file(self, path: str) -> Path | None:
        return self.inner.local_file(path)

    def lock(
        self, path: str, what: str, *, wait: bool, on_wait: Callable[[], None]
    ) -> AbstractContextManager[None] | None:
        return self.inner.lock(path, what, wait=wait, on_wait=on_wait)


def reopened(url: str) -> Store:
    """A store as another process opens it: nothing is cached."""
    return connect(url, Cache())


def opened_elsewhere(url: str) -> Store:
    """A store as another machine opens it, which has no copies of its arrays."""
    shutil.rmtree(cache_folder() / "tokens", ignore_errors=True)
    return reopened(url)


def overwrite(store: Store, path: str, data: bytes) -> None:
    """Replace the bytes of an object, which no part of the program does."""
    store.remove(path)
    store.put(path, data)


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """`data` with one bit flipped."""
    corrupt = bytearray(data)
    corrupt[position] ^= 1 << bit
    return bytes(corrupt)


def in_parallel(count: int, work: Callable[[int], None]) -> None:
    """Run `work` with each number below `count` in parallel threads."""
    barrier = Barrier(count)

    def start(number: int) -> None:
        barrier.wait()
        work(number)

    threads = [Thread(target=start, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
