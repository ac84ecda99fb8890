"""Objects of a store: only what this opens writes. A local folder, or anything fsspec reaches.

Every object appears whole or not at all. `create` is the compare-and-swap of the whole house: of
two writers of one path exactly one succeeds. `put` is for payloads named by their content.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from typing import ParamSpec, Protocol, TypeVar

from flows.storage.exceptions import (
    DamagedObject,
    NewerFormat,
    ObjectExists,
    StoreError,
    UnsafeStore,
)
from flows.storage.local_store import LocalStore
from flows.storage.remote_store import RemoteStore
from flows.storage.urls import check_url, local_protocols, protocol_of, public_url

Asked = ParamSpec("Asked")
Found = TypeVar("Found")

probe_prefix = "probe-"
read_tries = 3


class Store(Protocol):
    """Bytes by path, relative to the store's own folder, with `/` between names."""

    url: str
    exclusive: bool  # whether `create` is one operation, not a look and then a write

    def read(self, path: str) -> bytes:
        """Bytes of the object; `ObjectMissing` if there is none."""

    def names(self, folder: str) -> list[str]:
        """Names in `folder`, freshly listed, sorted, without temporary ones; none is no error."""

    def leftovers(self, folder: str, seconds: float) -> list[str]:
        """Names in `folder`, temporary ones too, of what was written over `seconds` ago."""

    def temporary(self, folder: str, seconds: float) -> list[str]:
        """Paths of temporary files in and below `folder`, written over `seconds` ago."""

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        """Write an object that must not be there yet; `ObjectExists` if it is."""

    def put(self, path: str, data: bytes) -> None:
        """Write an object named by its content, so that writing it twice changes nothing."""

    def remove(self, path: str) -> None:
        """Remove an object; none is no error."""

    def location(self, path: str) -> str:
        """Where a person finds the object: a path or a URL."""


def open_store(url: str) -> Store:
    """The store at `url`; nothing is written and no folder made before the first object is."""
    check_url(url, "store", StoreError)
    if "::" in url:
        raise StoreError(f"the store {public_url(url)} is a chain of URLs: give the last one alone")
    if protocol_of(url) in local_protocols:
        return LocalStore(url)
    return RemoteStore(url)


def check_store(store: Store, *, single_writer: bool = False) -> None:
    """Prove that `store` can be written and honours create-if-absent, by trying it.

    `single_writer` is the user's word that no two runs ever write there at once: then it need not.
    """
    path = f"{probe_prefix}{secrets.token_hex(8)}"
    try:
        # Already the first may find its own object: S3 clients try again when a reply is lost.
        for data in (b"first", b"second"):
            store.create(path, data)
        honoured = False
    except ObjectExists:
        honoured = store.exclusive and store.read(path) != b"second"
    with suppress(StoreError):  # a probe that stays does no harm
        store.remove(path)
    if not (honoured or single_writer):
        raise UnsafeStore(
            f"the store {store.url} ignores create-if-absent, so two runs could overwrite each"
            " other there: use an object store with conditional writes, or set single_writer"
            " to true if only one run at a time will ever write there"
        )


def read_again_if_damaged(read: Callable[Asked, Found]) -> Callable[Asked, Found]:
    """Have `read` try again before it calls an object damaged: its reply may be, on the way."""

    @wraps(read)
    def patient_read(*args: Asked.args, **kwargs: Asked.kwargs) -> Found:
        for _ in range(read_tries - 1):
            try:
                return read(*args, **kwargs)
            except NewerFormat:
                raise
            except DamagedObject:
                continue
        return read(*args, **kwargs)

    return patient_read


@contextmanager
def removable() -> Iterator[None]:
    """Decorates what reads an object that a run makes anew where there is none."""
    try:
        yield
    except NewerFormat:
        raise
    except DamagedObject as error:
        reason = f"{error.reason}: remove it, and the next run makes it anew"
        raise DamagedObject(error.name, reason) from error
