"""Opened stores: only these write objects. A local folder, or anything that fsspec reaches.

Every object appears whole or not at all. `create` is the compare-and-swap of the whole project: of
two writers of one path exactly one succeeds. `put` is for payloads named by their content.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from flows.exceptions import ObjectExists, ObjectMissing, StoreError, UnknownObject, UnsafeStore
from flows.storage import bounds
from flows.storage.backends.local import LocalStore
from flows.storage.backends.remote import RemoteStore
from flows.storage.boundary import check_allowed, check_host
from flows.storage.cache import Cache
from flows.storage.names import probe_name
from flows.storage.urls import check_url, local_protocols, protocol_of, public_url
from flows.storage.usage import Usage

Found = TypeVar("Found")

read_only = {"http", "https", "zip", "tar", "github"}  # protocols
most_caches = 4  # stores of which a process keeps what it has read


class Store(Protocol):
    """Bytes by path, relative to the store's own folder, with `/` between names."""

    url: str
    exclusive: bool  # whether `create` is one operation, not a check and then a write
    cache: Cache

    def is_new(self) -> bool:
        """Whether its folder does not exist yet: the first object makes it."""

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        """Bytes of the object; `ObjectMissing` if there is none.

        `DamagedObject` if there are more than `most`, before they are read.
        """

    def names(self, folder: str) -> list[str]:
        """Names in `folder`, freshly listed, sorted, without temporary ones; none is no error."""

    def written(self, folder: str) -> dict[str, float]:
        """When each object in `folder` was written, in seconds since 1970, by the store's clock."""

    def temporary(self, folder: str) -> dict[str, float]:
        """The same for temporary files in and below `folder`, by path."""

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        """Write an object that must not exist yet; `ObjectExists` if it does."""

    def put(self, path: str, data: bytes) -> None:
        """Write an object named by its content, so that writing it twice changes nothing."""

    def put_stream(
        self, path: str, pieces: Iterable[bytes | memoryview], *, private: bool = True
    ) -> str:
        """As `put`, of an object that comes in pieces; whole or not at all. Its SHA-256.

        What is for people too is not `private`.
        """

    def download(self, path: str, target: Path, most: int) -> None:
        """Write an object to a local file; as `read`, in flat memory."""

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of each object in `folder`, freshly listed."""

    def replace(self, path: str, data: bytes) -> None:
        """Write a page, whole, in the place of the one before; only pages may be replaced."""

    def usage(self, folder: str) -> Usage:
        """What is in and below `folder`."""

    def remove(self, path: str) -> None:
        """Remove an object; none is no error."""

    def remove_folders(self, folder: str) -> None:
        """Remove `folder` and those in it, as far as they are empty, where a store has folders."""

    def location(self, path: str) -> str:
        """Where a person finds the object: a path or a URL."""

    def local_file(self, path: str) -> Path | None:
        """The object's file, to be mapped into memory; None where objects are not local files."""

    def lock(
        self, path: str, what: str, *, wait: bool, on_wait: Callable[[], None]
    ) -> AbstractContextManager[None] | None:
        """An exclusive lock that is freed when its holder dies; None where the store has none.

        Entering it calls `on_wait` and waits while another process holds it, or raises
        `RunConflict` about `what` if not `wait`.
        """


def open_store(url: str) -> Store:
    """The store at `url`; nothing is written before the first object is.

    The backend is opened each time, so that credentials are those of now. What this process has
    read of the store before is kept, by whichever path it is named.
    """
    key = url
    if "://" not in url and not url.startswith("~"):
        key = str(Path(url) if url.startswith("/") else Path.cwd() / url)
    return connect(url, cache_of(key))


def connect(url: str, cache: Cache) -> Store:
    """As `open_store`, with a cache of one's own."""
    check_url(url, "store", StoreError)
    if "::" in url:
        raise StoreError(f"the store {public_url(url)} is a chain of URLs: use only the last URL")
    if protocol_of(url) == "memory":
        raise StoreError(
            f"the store {public_url(url)} is the memory of this process, and lost when it ends:"
            " name a folder, or an object store such as s3://bucket/store"
        )
    if protocol_of(url) in local_protocols:
        store = LocalStore(url, cache)
        check_allowed(store.location(""), "store", StoreError)  # the folder that it writes to
        return store
    if protocol_of(url) in read_only:
        raise StoreError(
            f"the store {public_url(url)} cannot be written to: use a folder, s3, gs, abfs or sftp"
        )
    check_allowed(url, "store", StoreError)
    check_host(url, "store", StoreError)
    if "$" in url:
        raise StoreError(f"the store {public_url(url)} has a variable: only a corpus may have them")
    return RemoteStore(url, cache)


@lru_cache(maxsize=most_caches)
def cache_of(location: str) -> Cache:  # noqa: ARG001 - the key
    """What this process has read of a store."""
    return Cache()


def check_store(store: Store, *, single_writer: bool = False) -> None:
    """Prove that `store` can be written and honours create-if-absent, by trying it.

    With `single_writer` the user guarantees that no two runs ever write there at once: then it
    need not.
    """
    path = probe_name()
    try:
        # Already the first may find its own object: S3 clients try again when a reply is lost.
        for data in (b"first", b"second"):
            store.create(path, data)
        honoured = False
    except ObjectExists:
        honoured = store.exclusive and store.read(path, bounds.probe) != b"second"
    finally:
        with suppress(StoreError):  # a probe that stays does no harm
            store.remove(path)
    if not (honoured or single_writer):
        raise UnsafeStore(
            f"the store {store.url} ignores create-if-absent, so two runs could overwrite each"
            " other there: use an object store with conditional writes, or set single_writer"
            " to true if only one run at a time will ever write there"
        )


def create_or_read(
    store: Store,
    path: str,
    data: bytes,
    read: Callable[[], Found | None],
    *,
    private: bool = True,
) -> Found | None:
    """Create an object once: None if it was created, else what `read` finds at its place.

    Whatever `create` reported, the object that exists decides: another writer may have been
    first, or the reply to this one's request was lost. `read` returns None, or raises
    `ObjectMissing`, where there is none; then the error of `create` is raised.
    """
    try:
        store.create(path, data, private=private)
    except StoreError as error:
        try:
            found = read()
        except (ObjectMissing, UnknownObject):
            found = None
        if found is None:
            raise error from None
        return found
    return None
