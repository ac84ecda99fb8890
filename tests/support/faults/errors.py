"""A disk that is full, failing or read-only, at each system call of a commit."""

from __future__ import annotations

import errno
import os
from collections import Counter
from pathlib import Path

import pytest

from flows.exceptions import StorageError
from flows.storage.checkpoints import CheckpointLog
from flows.storage.garbage import collect_garbage
from flows.storage.names import temporary_prefix
from flows.storage.stores import open_store
from tests.support.faults.power import Recording, images, problems, run_id
from tests.support.faults.syscalls import Call, watch_calls
from tests.support.states import facts, make_state, vocabulary

errors = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES)


class FailingDisk:
    """Fails one call with an error, and records the calls that succeeded."""

    def __init__(self, number: int, error: int) -> None:
        self.recording = Recording([], [], {})
        self.reached = False
        self._left = number
        self._error = error

    def before(self, call: Call) -> None:
        """Fail if this is the chosen call."""
        self._left -= 1
        if self._left == -1:
            self.reached = True
            raise OSError(self._error, os.strerror(self._error), call.path)


def fail_everywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Counter[str], set[str]]:
    """Fail each call of a commit with each error; the counts, and the violations found."""
    counts: Counter[str] = Counter()
    wrong: set[str] = set()
    for error in errors:
        number = 0
        while found := fail_once(folder / f"{error}-{number}", monkeypatch, number, error):
            outcome, violations = found
            counts["errors injected"] += 1
            counts[outcome] += 1
            wrong |= {f"{os.strerror(error)} at call {number}: {what}" for what in violations}
            number += 1
    return counts, wrong


def fail_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, number: int, error: int
) -> tuple[str, list[str]] | None:
    """Fail one call of the second commit, and check; None if a commit has fewer calls."""
    disk = FailingDisk(number, error)
    recording = disk.recording
    log = CheckpointLog(open_store(str(root)), "default", run_id)
    watch_calls(monkeypatch, before=lambda _: None, after=recording.calls.append)
    recording.digests[0] = log.commit(make_state(iterations=0), vocabulary, facts, after=-1).digest
    monkeypatch.undo()
    watch_calls(monkeypatch, before=disk.before, after=recording.calls.append)
    acknowledged = 0
    try:
        log.commit(make_state(iterations=1), vocabulary, facts, after=0)
        acknowledged = 1
    except StorageError as caught:
        clear = os.strerror(error) in str(caught)
    else:
        clear = True
    finally:
        monkeypatch.undo()
    if not disk.reached:
        return None
    wrong = [] if clear else ["the message does not say what happened"]
    recording.digests[1] = write_again(log, root)
    for image in images(recording.calls, number):
        wrong += problems(image, root, acknowledged, recording.digests)
    wrong += [f"{path.name} stays" for path in root.rglob(f"{temporary_prefix}*")]
    return ("commits that succeeded nevertheless" if acknowledged else "commits refused"), wrong


def write_again(log: CheckpointLog, root: Path) -> str:
    """Continue as the next run does; the digest of its last checkpoint."""
    collect_garbage(open_store(str(root)), grace=-1)
    newest = log.newest()
    assert newest is not None
    if newest.record.iteration == 0:
        log.commit(make_state(iterations=1), vocabulary, facts, after=newest.after)
    newest = log.newest()
    assert newest is not None
    return newest.record.digest
