"""Objects of a store: the only module that writes. A local folder, or anything fsspec reaches.

Every object appears whole or not at all. `create` is the compare-and-swap of the whole house: of
two writers of one path exactly one succeeds. `put` is for payloads named by their content.
"""

from __future__ import annotations

import errno
import math
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any, Protocol

import fsspec
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from flows.storage.exceptions import (
    NotDurable,
    ObjectExists,
    ObjectMissing,
    StoreError,
    UnsafeStore,
)
from flows.storage.reasons import reason, reply_code, reply_status
from flows.storage.urls import check_url, local_protocols, protocol_of, public_url

private_mode = 0o600
public_mode = 0o666  # less the umask
without_links = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}  # what link(2) says there
temporary_prefix = ".tmp-"

# Listings must be fresh, since other writers are at work; checksums as all S3 servers know them.
protocol_options: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "request_checksum_calculation": "when_required",
            "response_checksum_validation": "when_required",
            "connect_timeout": 5,
            "read_timeout": 30,
            "retries": {"max_attempts": 5, "mode": "standard"},
        }
    }
}
written_keys = ("LastModified", "updated", "last_modified", "created")  # in listings, by backend
memory_lock = RLock()  # threads share a memory filesystem, whose create is no single operation


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
    path = f"probe-{secrets.token_hex(8)}"
    try:
        # Already the first may find its own object: S3 clients try again when a reply is lost.
        for data in (b"first", b"second"):
            store.create(path, data)
        honoured = False
    except ObjectExists:
        honoured = store.exclusive and store.read(path) == b"first"
    with suppress(StoreError):  # a probe that stays does no harm
        store.remove(path)
    if not (honoured or single_writer):
        raise UnsafeStore(
            f"the store {store.url} ignores create-if-absent, so two runs could overwrite each"
            " other there: use an object store with conditional writes, or set single_writer"
            " to true if only one run at a time will ever write there"
        )


class LocalStore:
    """A folder on a local disk: temporary sibling, fsync, hard link, fsync of the folder."""

    exclusive = True

    def __init__(self, url: str) -> None:
        self.url = url
        path = url.partition("://")[2] if "://" in url else url
        try:
            self._root = Path(path).expanduser()
            nearest = next(path for path in (self._root, *self._root.parents) if path.exists())
        except (OSError, RuntimeError) as error:  # names too long, folders barred, ~nobody
            raise StoreError(f"the store {url} cannot be reached: {reason(error)}") from error
        if not nearest.is_dir():
            kind = "is" if nearest == self._root else f"lies below {nearest}, which is"
            raise StoreError(f"the store {url} {kind} a file: name a folder, or one to be made")

    def read(self, path: str) -> bytes:
        with self._failures("read", path):
            return (self._root / path).read_bytes()

    def names(self, folder: str) -> list[str]:
        try:
            with self._failures("list", folder):
                names = [entry.name for entry in (self._root / folder).iterdir()]
        except ObjectMissing:
            return []
        return sorted(name for name in names if not name.startswith(temporary_prefix))

    def leftovers(self, folder: str, seconds: float) -> list[str]:
        limit = time.time() - seconds
        try:
            with self._failures("list", folder), os.scandir(self._root / folder) as entries:
                files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
                return sorted(file.name for file in files if file.stat().st_mtime < limit)
        except ObjectMissing:
            return []

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        mode = private_mode if private else public_mode
        with self._failures("write", path), self._temporary(path, data, mode) as temporary:
            try:
                os.link(temporary, self._root / path)
            except FileExistsError as error:
                raise ObjectExists(f"{self.location(path)} is there already") from error
            except OSError as error:
                if error.errno not in without_links:
                    raise
                raise UnsafeStore(
                    f"the store {self.url} lies on a file system without hard links, so runs could"
                    " overwrite each other there: put it on another, such as ext4, xfs or apfs"
                ) from error

    def put(self, path: str, data: bytes) -> None:
        with self._failures("write", path), self._temporary(path, data, private_mode) as temporary:
            temporary.replace(self._root / path)

    def remove(self, path: str) -> None:
        with self._failures("remove", path):
            (self._root / path).unlink(missing_ok=True)

    def location(self, path: str) -> str:
        return str(self._root / path)

    @contextmanager
    def _temporary(self, path: str, data: bytes, mode: int) -> Iterator[Path]:
        """A complete, synced sibling of `path`; what the body made of it is synced too."""
        folder = (self._root / path).parent
        try:
            make_folders(folder)
        except OSError as error:
            raise StoreError(f"cannot make the folder {folder}: {reason(error)}") from error
        temporary = folder / f"{temporary_prefix}{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
            try:
                _sync_folder(folder)
            except OSError as error:
                where = self.location(path)
                raise NotDurable(f"cannot make {where} last: {reason(error)}") from error
        finally:
            with suppress(OSError):  # what stays is garbage, no reason to fail
                temporary.unlink(missing_ok=True)

    @contextmanager
    def _failures(self, verb: str, path: str) -> Iterator[None]:
        """Turn the operating system's errors into sentences about the store."""
        try:
            yield
        except OSError as error:
            if isinstance(error, FileNotFoundError) and verb != "write":
                raise ObjectMissing(f"nothing lies at {self.location(path)}") from error
            message = f"cannot {verb} {self.location(path)}: {reason(error)}"
            raise StoreError(message) from error


class RemoteStore:
    """A folder behind fsspec whose create mode is exclusive, as on S3, GCS, Azure and in memory."""

    def __init__(self, url: str) -> None:
        self.url = public_url(url)
        options = protocol_options.get(protocol_of(url), {})
        try:
            self._fs, self._root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **options
            )
        except ImportError as error:
            raise StoreError(f"the store {self.url} needs another package: {error}") from error
        except Exception as error:  # backends raise of all kinds
            raise StoreError(f"the store {self.url} cannot be reached: {reason(error)}") from error
        memory = isinstance(self._fs, MemoryFileSystem)
        if memory and self._fs.isfile(self._root):
            raise StoreError(f"the store {self.url} is a file: name a folder, or one to be made")
        self._guard: AbstractContextManager[Any] = memory_lock if memory else nullcontext()
        # What fsspec falls back on looks first and writes then, so two writers could both win.
        create = getattr(self._fs.pipe_file, "__func__", None)
        self.exclusive = create is not AbstractFileSystem.pipe_file

    def read(self, path: str) -> bytes:
        with self._failures("read", path):
            return bytes(self._fs.cat_file(self._at(path)))

    def names(self, folder: str) -> list[str]:
        try:
            with self._failures("list", folder):
                found = self._fs.ls(self._at(folder), detail=False, refresh=True)
        except ObjectMissing:
            return []
        names = (name.rstrip("/").rpartition("/")[2] for name in found)
        return sorted(name for name in names if not name.startswith(temporary_prefix))

    def leftovers(self, folder: str, seconds: float) -> list[str]:
        limit = time.time() - seconds
        try:
            with self._failures("list", folder):
                found = self._fs.ls(self._at(folder), detail=True, refresh=True)
        except ObjectMissing:
            return []
        return sorted(
            entry["name"].rpartition("/")[2] for entry in found if _written(entry) < limit
        )

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:  # noqa: ARG002 - objects behind a URL have their bucket's permissions
        with self._failures("create", path):
            self._fs.pipe_file(self._at(path), data, mode="create")

    def put(self, path: str, data: bytes) -> None:
        with self._failures("write", path):
            self._fs.pipe_file(self._at(path), data)

    def remove(self, path: str) -> None:
        try:
            with self._failures("remove", path):
                self._fs.rm_file(self._at(path))
        except ObjectMissing:
            pass

    def location(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"

    def _at(self, path: str) -> str:
        return f"{self._root.rstrip('/')}/{path}"

    @contextmanager
    def _failures(self, verb: str, path: str) -> Iterator[None]:
        """Turn what a backend raises into sentences about the store."""
        try:
            with self._guard:
                yield
        except Exception as error:  # backends raise of all kinds
            missing = isinstance(error, FileNotFoundError) and reply_code(error) != "NoSuchBucket"
            if missing and verb not in {"create", "write"}:
                raise ObjectMissing(f"nothing lies at {self.location(path)}") from error
            there = isinstance(error, FileExistsError) or reply_status(error) in {409, 412}
            if there and verb == "create":
                raise ObjectExists(f"{self.location(path)} is there already") from error
            message = f"cannot {verb} {self.location(path)}: {reason(error)}"
            raise StoreError(message) from error


def _written(entry: dict[str, Any]) -> float:
    """When an object in a listing was last written, in seconds; what does not tell is new."""
    found = next((entry[key] for key in written_keys if entry.get(key)), math.inf)
    return found.timestamp() if isinstance(found, datetime) else float(found)


def make_folders(folder: Path) -> None:
    """Make `folder` and its parents, each entered durably in the one above."""
    if folder.is_dir():
        return
    make_folders(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
