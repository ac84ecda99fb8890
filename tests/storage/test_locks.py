"""The lock of a model works even if its file cannot name the holder."""

from __future__ import annotations

import errno
import os
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flows.exceptions import RunConflict
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
