"""The lock of a model works even if its file cannot name the holder."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flows.exceptions import RunConflict, StoreError
from flows.storage.backends.local import LocalStore
from flows.storage.cache import Cache


@pytest.mark.parametrize("full", [False, True])
def test_a_lock_is_held_by_one_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    """Also on a full disk, where the holder's name cannot be written."""

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if full:
        monkeypatch.setattr(os, "pwrite", fail)
    store = LocalStore(str(tmp_path), Cache())

    def lock() -> AbstractContextManager[None]:
        return store.lock("models/m/lock", "model m", wait=False, on_wait=lambda: None)

    holder = "" if full else f"process {os.getpid()}"
    with lock(), pytest.raises(RunConflict, match=rf"by another run \({holder}\)"), lock():
        pass
    with lock():
        pass


def lead_to(target: Path, lock: Path, how: str) -> None:
    """Put a link to `target`, or something that is no file, where a lock belongs."""
    lock.parent.mkdir(parents=True)
    if how == "hard link":
        lock.hardlink_to(target)
    elif how == "pipe":
        os.mkfifo(lock)
    elif how == "socket":
        os.chdir(lock.parent)  # its path is short
        socket.socket(socket.AF_UNIX).bind(lock.name)
    elif how == "folder":
        lock.mkdir()
    else:
        lock.symlink_to(target if how == "link" else target.with_name("new"))


@pytest.mark.parametrize("how", ["link", "dangling link", "hard link", "pipe", "socket", "folder"])
def test_a_lock_never_writes_to_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A link in its place is refused with a sentence, and what it leads to is as before."""
    monkeypatch.chdir(tmp_path)
    outside = tmp_path / "mine.txt"
    outside.write_bytes(b"mine")
    store = LocalStore(str(tmp_path / "store"), Cache())
    lead_to(outside, tmp_path / "store/models/m/lock", how)

    with (
        pytest.raises(StoreError, match=r"cannot lock .*models/m/lock: it .*: remove it"),
        store.lock("models/m/lock", "model m", wait=False, on_wait=lambda: None),
    ):
        pass
    assert b"mine" == outside.read_bytes()
    assert ["mine.txt", "store"] == sorted(path.name for path in tmp_path.iterdir())
