"""Folders for what can be made again: in the user's cache, or private ones among temporary files."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path


def first_writable(folders: Iterable[Path]) -> Path | None:
    """The first folder in which files can be made; folders up to it are made if they do not exist."""
    return next(filter(is_writable, folders), None)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in a folder, which is made if it does not exist."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()  # only an attempt tells, on every file system
    except OSError:
        return False
    return True


def cache_folders(name: str) -> Iterator[Path]:
    """Folders of that name for a cache: the user's, then a private temporary one."""
    with suppress(RuntimeError, OSError):  # a user without a home, as containers have
        base = Path(os.environ.get("XDG_CACHE_HOME", ""))
        folder = (base if base.is_absolute() else Path.home() / ".cache") / name
        if is_own(folder):
            yield folder
    with suppress(OSError):
        yield private_folder(f"{name}-")


def is_own(folder: Path) -> bool:
    """Whether a folder is this user's or root's, not that of the user who called `sudo`."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    return nearest.stat().st_uid in trusted_users()


def trusted_users() -> set[int]:
    """Numbers of the users who may replace what this user runs."""
    return {0, os.geteuid()}


def private_folder(prefix: str) -> Path:
    """A temporary folder that nobody else can write, read or replace.

    Its name has a random end. One of an earlier process is used again if it is this user's own: a
    folder, link or file that somebody else put there is not. `PermissionError` if others could
    replace it, since they may rename what is in the folder for temporary files.
    """
    parent = Path(tempfile.gettempdir())
    status = parent.stat()
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    replaceable = writable_by_others and not status.st_mode & stat.S_ISVTX
    if replaceable or status.st_uid not in trusted_users():
        raise PermissionError(f"other users can replace what is in {parent}")
    own = filter(is_private, sorted(parent.glob(f"{prefix}*")))
    return next(own, None) or Path(tempfile.mkdtemp(prefix=prefix))


def is_private(path: Path) -> bool:
    """Whether a path is a folder, not a link, that only this user can use."""
    try:
        status = path.lstat()
    except OSError:  # removed meanwhile
        return False
    return (
        stat.S_ISDIR(status.st_mode)
        and status.st_uid == os.geteuid()
        and stat.S_IMODE(status.st_mode) == stat.S_IRWXU
    )
