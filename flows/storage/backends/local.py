"""A store in a local folder: temporary sibling, fsync, hard link, fsync of the folder."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from flows.exceptions import (
    DamagedObject,
    NotDurable,
    NotDurableYet,
    ObjectExists,
    ObjectMissing,
    StoreError,
    UnsafeStore,
)
from flows.storage import bounds
from flows.storage.backends import durable_folders
from flows.storage.backends.locks import file_lock
from flows.storage.cache import Cache
from flows.storage.damage import too_large
from flows.storage.failures import advice, is_transient, not_files, reason, store_error
from flows.storage.names import check_derived, is_temporary, temporary_name
from flows.storage.usage import Usage

private_mode = 0o600
public_mode = 0o666  # less the umask
without_links = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS}  # what link(2) says there
most_synced = 100_000  # names that are remembered as synced; then all are synced again


class LocalStore:
    """A folder on a local disk."""

    exclusive = True

    def __init__(self, url: str, cache: Cache) -> None:
        self.url = url
        self.cache = cache
        try:
            self._root = Path(_path_of(url)).expanduser()
            nearest = next(
                path
                for path in (self._root, *self._root.parents)
                if path.exists() or path.is_symlink()
            )
        except (OSError, RuntimeError) as error:  # names too long, no permission, ~unknown
            raise store_error(
                f"the store {url} cannot be reached: {reason(error)}", error
            ) from error
        kind = "is" if nearest == self._root else f"is below {nearest}, which is"
        if not nearest.exists():  # a link
            raise StoreError(f"the store {url} {kind} {_dangling(nearest)}")
        if not nearest.is_dir():
            raise StoreError(f"the store {url} {kind} a file: name a folder, or one to be made")
        if nearest != self._root and not os.access(nearest, os.W_OK | os.X_OK):
            raise StoreError(
                f"the store {url} cannot be made, since {nearest} cannot be written: name a store"
                " that this user can write"
            )

    def is_new(self) -> bool:
        return not self._root.exists()

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        with self._failures("read", path):
            # Non-blocking, since opening a pipe in a file's place would wait for a writer.
            try:
                descriptor = os.open(self._root / path, os.O_RDONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno not in not_files:
                    raise
                raise DamagedObject(self.location(path), "is not a file") from error
            try:
                found = os.fstat(descriptor)
                if not stat.S_ISREG(found.st_mode):
                    raise DamagedObject(self.location(path), "is not a file")
                if found.st_size > most:
                    raise too_large(self.location(path), found.st_size, most)
                with open(descriptor, "rb", closefd=False) as file:
                    return file.read(found.st_size)
            finally:
                os.close(descriptor)

    def names(self, folder: str) -> list[str]:
        try:
            with self._failures("list", folder):
                place = self._root / folder
                listed = os.listdir(place)  # noqa: PTH208 - names alone: a fleet lists many
                names = sorted(name for name in listed if not is_temporary(name))
                start = f"{place}/"
                found = {start + name for name in names}
                if not self.cache.synced_objects >= found:
                    # Their writer may have been killed, or failed, before it synced the folder.
                    durable_folders.sync_if_possible(place)
                    self._remember(found)
        except ObjectMissing:
            return []
        return names

    def written(self, folder: str) -> dict[str, float]:
        try:
            with self._failures("list", folder), os.scandir(self._root / folder) as entries:
                files = [entry for entry in entries if entry.is_file(follow_symlinks=False)]
                return {file.name: file.stat(follow_symlinks=False).st_mtime for file in files}
        except ObjectMissing:
            return {}

    def temporary(self, folder: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for place, _, names in os.walk(self._root / folder):
            if any(map(is_temporary, names)):
                inside = Path(place).relative_to(self._root).as_posix()
                found |= {
                    f"{inside}/{name}": time
                    for name, time in self.written(inside).items()
                    if is_temporary(name)
                }
        return found

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        mode = private_mode if private else public_mode
        with self._failures("write", path), self._temporary(path, [data], mode) as temporary:
            try:
                os.link(temporary, self._root / path)
            except FileExistsError as error:
                self._make_durable(path)  # its writer may have failed to, and it will be trusted
                raise ObjectExists(f"object already exists: {self.location(path)}") from error
            except OSError as error:
                if error.errno not in without_links:
                    raise
                raise UnsafeStore(
                    f"the store {self.url} is on a file system without hard links, so runs could"
                    " overwrite each other there: put it on another, such as ext4, xfs or apfs"
                ) from error

    def put(self, path: str, data: bytes) -> None:
        with (
            self._failures("write", path),
            self._temporary(path, [data], private_mode) as temporary,
        ):
            temporary.replace(self._root / path)

    def put_stream(
        self, path: str, pieces: Iterable[bytes | memoryview], *, private: bool = True
    ) -> str:
        whole = hashlib.sha256()

        def hashed() -> Iterator[bytes | memoryview]:
            for piece in pieces:
                whole.update(piece)
                yield piece

        mode = private_mode if private else public_mode
        stream = self._temporary(path, hashed(), mode)
        with self._failures("write", path), stream as temporary:
            temporary.replace(self._root / path)
        return whole.hexdigest()

    def download(self, path: str, target: Path, most: int) -> None:
        target.write_bytes(self.read(path, most))

    def sizes(self, folder: str) -> dict[str, int]:
        try:
            with self._failures("list", folder), os.scandir(self._root / folder) as entries:
                return {entry.name: entry.stat(follow_symlinks=False).st_size for entry in entries}
        except ObjectMissing:
            return {}

    def replace(self, path: str, data: bytes) -> None:
        check_derived(path)
        with self._failures("write", path), self._temporary(path, [data], public_mode) as temporary:
            temporary.replace(self._root / path)

    def usage(self, folder: str) -> Usage:
        sizes = [
            (Path(place) / name).lstat().st_size
            for place, _, names in os.walk(self._root / folder)
            for name in names
        ]
        return Usage(sum(sizes), len(sizes))

    def remove(self, path: str) -> None:
        with self._failures("remove", path):
            self.cache.synced_objects.discard(self.location(path))
            self.cache.forget(path)
            (self._root / path).unlink(missing_ok=True)

    def remove_folders(self, folder: str) -> None:
        for place, _, _ in os.walk(self._root / folder, topdown=False):
            with suppress(OSError):  # it is not empty
                Path(place).rmdir()

    def location(self, path: str) -> str:
        return str(self._root / path)

    def local_file(self, path: str) -> Path | None:
        return self._root / path

    def lock(
        self, path: str, what: str, *, wait: bool, on_wait: Callable[[], None]
    ) -> AbstractContextManager[None]:
        file = self._root / path
        self._make_folders(file.parent)
        return file_lock(file, what, wait=wait, on_wait=on_wait)

    @contextmanager
    def _temporary(
        self, path: str, pieces: Iterable[bytes | memoryview], mode: int
    ) -> Iterator[Path]:
        """A complete, synced sibling of `path`; what the body made of it is synced too.

        Folders that were made for it go where it fails: who refuses leaves nothing behind.
        """
        folder = (self._root / path).parent
        temporary = folder / temporary_name()
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW
        made = self._make_folders(folder)
        try:
            descriptor = os.open(temporary, flags, mode)
        except FileNotFoundError:  # another process found the folder empty, and removed it
            made += self._make_folders(folder)
            descriptor = os.open(temporary, flags, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(pieces)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
            self._make_durable(path)
            made.clear()
        finally:
            with suppress(OSError):  # what stays is garbage, no reason to fail
                temporary.unlink(missing_ok=True)
                for place in reversed(made):
                    place.rmdir()

    def _make_durable(self, path: str) -> None:
        """Sync the folder that names the object."""
        try:
            durable_folders.sync_folder((self._root / path).parent)
        except OSError as error:
            where = self.location(path)
            kind = NotDurableYet if is_transient(error) else NotDurable
            raise kind(f"cannot sync {where} to disk: {reason(error)}") from error
        self._remember({self.location(path)})

    def _remember(self, locations: set[str]) -> None:
        """Objects whose folder is synced."""
        if len(self.cache.synced_objects) > most_synced:
            self.cache.synced_objects.clear()
        self.cache.synced_objects.update(locations)

    def _make_folders(self, folder: Path) -> list[Path]:
        try:
            return durable_folders.make_folders(folder, self.cache.synced_folders)
        except OSError as error:
            places = (folder, *folder.parents)
            link = next((path for path in places if path.is_symlink() and not path.exists()), None)
            why = f"{link} is {_dangling(link)}" if link else f"{reason(error)}{advice(error)}"
            message = f"cannot make the folder {folder}: {why}"
            raise store_error(message, error) from error

    @contextmanager
    def _failures(self, verb: str, path: str) -> Iterator[None]:
        """Turn the operating system's errors into sentences about the store."""
        try:
            yield
        except OSError as error:
            is_missing = isinstance(error, FileNotFoundError) and verb != "write"
            # What is listed may be below a file that somebody put among folders.
            if is_missing or (isinstance(error, NotADirectoryError) and verb == "list"):
                raise ObjectMissing(f"object not found: {self.location(path)}") from error
            message = f"cannot {verb} {self.location(path)}: {reason(error)}"
            message += advice(error) if verb == "write" else ""
            raise store_error(message, error) from error


def _path_of(url: str) -> str:
    """The path that a plain path or a file URL names; URLs with escapes are refused."""
    _, separator, path = url.partition("://")
    if not separator:
        return url
    if re.search("%[0-9A-Fa-f]{2}", path):
        raise StoreError(
            f"the store {url} has %-escapes, which stand for other characters in a URL:"
            f" give the path itself, {unquote(path)!r}, or {path!r} if that is its name"
        )
    return path


def _dangling(link: Path) -> str:
    """What is wrong with a link that leads nowhere, and what to do."""
    return (
        f"a symbolic link to {link.readlink()}, which does not exist:"
        " mount or make that, or remove the link"
    )
