"""A store behind fsspec whose create mode is exclusive, as on S3, GCS, Azure and in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from threading import RLock
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from flows.exceptions import ObjectExists, ObjectMissing, StoreError
from flows.storage import bounds
from flows.storage.cache import Cache
from flows.storage.copies import write_copy
from flows.storage.damage import too_large
from flows.storage.failures import reason, reply_code, reply_status, store_error
from flows.storage.names import check_derived, is_temporary
from flows.storage.urls import protocol_of, public_url
from flows.storage.usage import Usage

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


class RemoteStore:
    """A folder of an object store."""

    def __init__(self, url: str, cache: Cache) -> None:
        self.url = public_url(url)
        self.cache = cache
        options = protocol_options.get(protocol_of(url), {})
        try:
            self._fs, self._root = fsspec.core.url_to_fs(
                url, use_listings_cache=False, skip_instance_cache=True, **options
            )
        except ImportError as error:
            raise StoreError(f"the store {self.url} needs another package: {error}") from error
        except Exception as error:  # backends raise of all kinds
            message = f"the store {self.url} cannot be reached: {reason(error)}"
            raise store_error(message, error) from error
        memory = isinstance(self._fs, MemoryFileSystem)
        if memory and self._fs.isfile(self._root):
            raise StoreError(f"the store {self.url} is a file: name a folder, or one to be made")
        self._guard: AbstractContextManager[Any] = memory_lock if memory else nullcontext()
        # fsspec's fallback checks first and writes then, so two writers could both succeed.
        create = getattr(self._fs.pipe_file, "__func__", None)
        self.exclusive = create is not AbstractFileSystem.pipe_file

    def is_new(self) -> bool:
        return False  # an object store has no folders to be made

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        try:
            with self._failures("read", path):
                # One byte more than may be: that shows in one request whether there are more.
                data = bytes(self._fs.cat_file(self._at(path), start=0, end=most + 1))
        except StoreError as error:
            if (
                error.__cause__
                and reply_status(error.__cause__) == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
            ):
                return b""  # an empty object has no first byte
            raise
        if len(data) > most:
            raise too_large(self.location(path), None, most)
        return data

    def names(self, folder: str) -> list[str]:
        try:
            with self._failures("list", folder):
                found = self._fs.ls(self._at(folder), detail=False, refresh=True)
        except ObjectMissing:
            return []
        names = (name.rstrip("/").rpartition("/")[2] for name in found)
        return sorted(name for name in names if not is_temporary(name))

    def written(self, folder: str) -> dict[str, float]:
        found = self._entries(folder).items()
        return {name: _written(entry) for name, entry in found if entry.get("type") != "directory"}

    def temporary(self, folder: str) -> dict[str, float]:  # noqa: ARG002 - objects appear whole
        return {}

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:  # noqa: ARG002 - objects have their bucket's permissions
        with self._failures("create", path):
            self._fs.pipe_file(self._at(path), data, mode="create")

    def put(self, path: str, data: bytes) -> None:
        with self._failures("write", path):
            self._fs.pipe_file(self._at(path), data)

    def put_stream(
        self,
        path: str,
        pieces: Iterable[bytes | memoryview],
        *,
        private: bool = True,  # noqa: ARG002 - as in `create`
    ) -> str:
        sha256, file = write_copy(pieces)
        with self._failures("write", path):
            self._fs.put_file(str(file), self._at(path))
        return sha256

    def download(self, path: str, target: Path, most: int) -> None:
        with self._failures("read", path):
            size = self._fs.info(self._at(path))["size"]
        if size > most:
            raise too_large(self.location(path), size, most)
        with self._failures("read", path):
            self._fs.get_file(self._at(path), str(target))

    def sizes(self, folder: str) -> dict[str, int]:
        return {name: entry.get("size") or 0 for name, entry in self._entries(folder).items()}

    def replace(self, path: str, data: bytes) -> None:
        check_derived(path)
        self.put(path, data)

    def usage(self, folder: str) -> Usage:
        try:
            with self._failures("list", folder):
                found = self._fs.find(self._at(folder), detail=True)
        except ObjectMissing:
            return Usage(0, 0)
        return Usage(sum(entry.get("size") or 0 for entry in found.values()), len(found))

    def remove(self, path: str) -> None:
        self.cache.forget(path)
        try:
            with self._failures("remove", path):
                self._fs.rm_file(self._at(path))
        except ObjectMissing:
            pass

    def remove_folders(self, folder: str) -> None:
        pass  # an object store has none

    def location(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"

    def local_file(self, path: str) -> Path | None:  # noqa: ARG002 - objects are no files
        return None

    def lock(
        self,
        path: str,  # noqa: ARG002 - object stores have no locks
        what: str,  # noqa: ARG002
        *,
        wait: bool,  # noqa: ARG002
        on_wait: Callable[[], None],  # noqa: ARG002
    ) -> AbstractContextManager[None] | None:
        return None

    def _entries(self, folder: str) -> dict[str, dict[str, Any]]:
        """What the backend lists in `folder`, freshly, by name; none is no error."""
        try:
            with self._failures("list", folder):
                found = self._fs.ls(self._at(folder), detail=True, refresh=True)
        except ObjectMissing:
            return {}
        return {entry["name"].rpartition("/")[2]: entry for entry in found}

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
                raise ObjectMissing(f"object not found: {self.location(path)}") from error
            exists = isinstance(error, FileExistsError) or reply_status(error) in {409, 412}
            if exists and verb == "create":
                raise ObjectExists(f"object already exists: {self.location(path)}") from error
            message = f"cannot {verb} {self.location(path)}: {reason(error)}"
            raise store_error(message, error) from error


def _written(entry: dict[str, Any]) -> float:
    """When an object in a listing was last written, in seconds; one without a time counts as new."""
    found = next((entry[key] for key in written_keys if entry.get(key)), math.inf)
    if isinstance(found, str):  # GCS returns its server's text
        found = datetime.fromisoformat(found)
    return found.timestamp() if isinstance(found, datetime) else float(found)
