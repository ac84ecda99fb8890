"""An exclusive lock on a local file, which the kernel frees when its holder dies.

It only spares the work of a run that would lose: what keeps one history is the log's
compare-and-swap, on every kind of store.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from flows.exceptions import RunConflict, StoreError

lock_mode = 0o600
not_locks = {
    errno.ELOOP: "it is a symbolic link: remove it",
    errno.EISDIR: "it is a folder: remove it",
    errno.ENXIO: "it is no file: remove it",  # a socket or a device
}


@contextmanager
def file_lock(path: Path, what: str, *, wait: bool, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of `path`, which stands for `what`, such as "model default".

    If another run holds it, call `on_wait` and wait, or raise `RunConflict` if not `wait`.
    """
    descriptor = _open(path)
    try:
        _take(descriptor, what, wait=wait, on_wait=on_wait)
        with suppress(OSError):  # the name is for people; a full disk has no room for it
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)  # frees the lock


def _open(path: Path) -> int:
    """The file of a lock, made if need be; never another file, which a link would lead to."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe would wait
    try:
        descriptor = os.open(path, flags, lock_mode)
    except OSError as error:
        wrong = not_locks.get(error.errno or 0, error.strerror)
        raise StoreError(f"cannot lock {path}: {wrong}") from error
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and found.st_nlink <= 1:
        return descriptor
    os.close(descriptor)
    wrong = "has other names" if stat.S_ISREG(found.st_mode) else "is no file"
    raise StoreError(f"cannot lock {path}: it {wrong}: remove it")


def _take(descriptor: int, what: str, *, wait: bool, on_wait: Callable[[], None]) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            holder = os.pread(descriptor, 100, 0).decode(errors="replace")
            raise RunConflict(
                f"{what} is being trained by another run ({holder}):"
                " let it end, or set when_busy to wait"
            ) from None
        on_wait()
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError:
        return  # a file system without locks, such as some over a network: the log still decides
