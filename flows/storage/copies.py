"""Local copies of a remote store's tokens, since only a file can be mapped into memory.

Together they have a bound: those that were not used for longest are removed first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from flows.exceptions import DamagedObject, ObjectMissing, StoreError
from flows.storage.backends.local import LocalStore
from flows.storage.cache import Cache
from flows.storage.canonical import digest
from rnncore.folders import cache_folders, first_writable

default_bytes = 10_000_000_000  # of all copies
folder = "tokens"


def cache_folder() -> Path:
    """The local folder of copies of remote objects."""
    if (found := first_writable(cache_folders("rnn-retraining"))) is None:
        message = "no folder can be written for copies of remote objects: set XDG_CACHE_HOME to one"
        raise StoreError(message)
    return found


def cached_copy(sha256: str, size: int, read: Callable[[], bytes]) -> Path:
    """A local copy of a remote object, made once; `read` reads the object."""
    most = _most_bytes()
    cache = LocalStore(str(cache_folder()), Cache())
    path = f"{folder}/{sha256}.npy"
    file = Path(cache.location(path))
    try:
        intact = digest(cache.read(path, size)) == sha256
    except (ObjectMissing, DamagedObject):
        intact = False
    if not intact:
        cache.put(path, read())
    with suppress(OSError):  # another user's copy may be read, but not touched
        os.utime(file)
    _trim(file, most)
    return file


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
