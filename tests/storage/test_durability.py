"""On a local disk nothing is trusted before it is synced, whichever process wrote it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from flows.exceptions import NotDurable, ObjectExists
from flows.storage import datasets
from flows.storage.backends import durable_folders
from flows.storage.checkpoints import CheckpointLog
from flows.storage.runs import save_run
from flows.storage.stores import Store
from tests.support.reports import save as save_report
from tests.support.runs import run
from tests.support.states import facts, make_state, stored, vocabulary
from tests.support.stores import reopened

Synced = list[str]  # folders, by path, in the order in which they were synced


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> Synced:
    """Records each folder that is synced."""
    folders: Synced = []
    fsync = os.fsync

    def record(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            folders.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", record)
    return folders


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function; after its call no folder can be synced."""

    def fail(folder: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(folder))

    return lambda: monkeypatch.setattr(durable_folders, "sync_folder", fail)


def test_an_existing_name_is_synced_before_it_is_trusted(local: Store, synced: Synced) -> None:
    """Its writer may have been killed before it synced the folder."""
    local.create("log/record", b"theirs")
    synced.clear()

    with pytest.raises(ObjectExists):
        local.create("log/record", b"ours")
    assert local.location("log") in synced


def test_a_listed_folder_is_synced(local: Store, synced: Synced) -> None:
    """A commit whose own sync failed may be listed, but is not trusted before it is synced."""
    CheckpointLog(local, "default", run.run_id).commit(make_state(), vocabulary, facts, after=-1)
    log = CheckpointLog(reopened(local.url), "default", run.run_id)
    synced.clear()

    for _ in range(2):
        assert log.newest() is not None
    assert [local.location(f"models/default/runs/{run.run_id}/log")] == synced


def test_folders_of_a_killed_process_are_synced(local: Store, synced: Synced) -> None:
    """An existing folder may never have been synced into its parent; one sync is enough."""
    Path(local.location("a/b")).mkdir(parents=True)

    local.create("a/b/first", b"")
    assert {local.location("a"), str(Path(local.url)), str(Path(local.url).parent)} <= {*synced}
    synced.clear()
    local.create("a/b/second", b"")
    assert [local.location("a/b")] == synced


@pytest.mark.parametrize("what", ["run", "dataset", "report"])
def test_an_object_that_cannot_be_synced_is_an_error(
    local: Store, failing: Callable[[], None], what: str
) -> None:
    """That it can be read back does not prove that it is on disk."""
    dataset = stored(local, "a text", "and another")
    save_run(local, "other", run)
    save_report(local)
    save: dict[str, Callable[[], None]] = {
        "run": lambda: save_run(local, "other", run),
        "dataset": lambda: datasets.save(local, dataset),
        "report": lambda: save_report(local),
    }
    failing()

    with pytest.raises(NotDurable, match=r"cannot sync .* to disk: Input/output error"):
        save[what]()


def test_a_folder_that_cannot_be_synced_may_still_be_listed(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store on a read-only disk can be read."""
    local.create("log/record", b"")

    def fail(folder: Path) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(folder))

    monkeypatch.setattr(durable_folders, "sync_folder", fail)
    assert ["record"] == reopened(local.url).names("log")
