"""Local copies of a remote store's arrays, since only a file can be mapped into memory.

Together they have a bound: those that were not used for longest are removed first.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.exceptions import StoreError
from flows.storage.failures import reason, store_error
from flows.storage.names import temporary_name
from rnncore.folders import cache_folders, first_writable

default_bytes = 10_000_000_000  # of all copies
folder = "tokens"


def cache_folder() -> Path:
    """The local folder of copies of remote objects."""
    if (found := first_writable(cache_folders("rnn-retraining"))) is None:
        message = "no folder can be written for copies of remote objects: set XDG_CACHE_HOME to one"
        raise StoreError(message)
    return found


def cached_copy(sha256: str, download: Callable[[Path], None]) -> Path:
    """A local copy of a remote object, made once; `download` writes the object to a path.

    It is not verified here.
    """
    most, file = _most_bytes(), _path(sha256)
    if not file.exists():
        with _new_copy() as temporary:
            download(temporary)
            temporary.replace(file)
    with suppress(OSError):  # another user's copy may be read, but not touched
        os.utime(file)
    _trim(file, most)
    return file


def write_copy(pieces: Iterable[bytes | memoryview]) -> tuple[str, Path]:
    """Write a copy of an object before the object itself; its SHA-256, and the file."""
    most, whole = _most_bytes(), hashlib.sha256()
    with _new_copy() as temporary:
        with temporary.open("wb") as file:
            for piece in pieces:
                whole.update(piece)
                file.write(piece)
        path = _path(whole.hexdigest())
        temporary.replace(path)
    _trim(path, most)
    return whole.hexdigest(), path


def forget_copy(sha256: str) -> None:
    """Remove a copy that is corrupt."""
    _path(sha256).unlink(missing_ok=True)


def _path(sha256: str) -> Path:
    return cache_folder() / folder / f"{sha256}.npy"


@contextmanager
def _new_copy() -> Iterator[Path]:
    """A path for a copy that is being written, which its body moves to its place."""
    parent = cache_folder() / folder
    temporary = parent / temporary_name()
    try:
        parent.mkdir(exist_ok=True)
        temporary.touch(mode=0o600)
        yield temporary
    except OSError as error:
        raise store_error(f"cannot write a copy in {parent}: {reason(error)}", error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _trim(in_use: Path, most: int) -> None:
    """Remove the copies used least recently while all have more than `most` bytes together.

    One that another process has mapped stays readable there until it ends.
    """
    found = []
    for file in in_use.parent.iterdir():
        if re.fullmatch(r"[0-9a-f]{64}\.npy", file.name):
            with suppress(FileNotFoundError):  # another process removed it
                status = file.stat()
                found.append((status.st_mtime_ns, status.st_size, file))
    total = sum(size for _, size, _ in found)
    for _, size, file in sorted(found):
        if total > most and file != in_use:
            with suppress(OSError):  # it may stay: the next use tries again
                file.unlink(missing_ok=True)
                total -= size


def _most_bytes() -> int:
    """`RNN_CACHE_BYTES`, or its default."""
    value = os.environ.get("RNN_CACHE_BYTES") or str(default_bytes)
    if not re.fullmatch("[0-9]{1,18}", value):
        raise StoreError(
            f"the variable RNN_CACHE_BYTES is {value!r}: set it to a whole number of bytes, or unset it"
        )
    return int(value)
