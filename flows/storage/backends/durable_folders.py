"""Folders of a local store: made, and synced so that the names in them survive a loss of power."""

from __future__ import annotations

import errno
import os
from pathlib import Path

# What fsync(2) says of folders that this user may not open, or that cannot have changed.
unsyncable = {errno.EACCES, errno.EPERM, errno.EINVAL, errno.EROFS}


def make_folders(folder: Path, synced: set[str]) -> list[Path]:
    """Make `folder` and its parents, each entry synced in the folder above; those that were made.

    Existing ones may be the work of a process that was killed before it synced them.
    """
    exists = folder.is_dir()
    if exists and str(folder) in synced:
        return []
    made = make_folders(folder.parent, synced) if folder.parent != folder else []
    if exists:
        sync_if_possible(folder.parent)
    else:
        folder.mkdir(exist_ok=True)
        made.append(folder)
        sync_folder(folder.parent)
    synced.add(str(folder))
    return made


def sync_if_possible(folder: Path) -> None:
    """Sync the names in `folder` that existed before, where this user can do it."""
    try:
        sync_folder(folder)
    except OSError as error:
        if error.errno not in unsyncable:
            raise


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
