"""A run that commits to S3 while everything between it and the server goes wrong."""

from __future__ import annotations

from flows.exceptions import StoreError
from flows.storage.canonical import digest
from flows.storage.checkpoints import Checkpoint, CheckpointLog
from flows.storage.payload import write_payload
from rnncore import train
from tests.support.damage import reported
from tests.support.faults.writers import run_id, undisturbed
from tests.support.states import facts, make_state, tokens, vocabulary
from tests.support.stores import reopened


def commit_many(url: str, commits: int) -> None:
    """Load, train, commit, as a chunk does; any error is the caller's."""
    for number in range(commits):
        log = CheckpointLog(reopened(url), "default", run_id)
        newest = log.newest()
        state = newest.payload.state if newest else make_state(iterations=0)
        if newest:
            assert number - 1 == newest.after
            train(state, tokens, 1, backend="numpy")
        log.commit(state, vocabulary, facts, after=number - 1)


def verify(url: str, commits: int) -> None:
    """One record a number, one step a record, every byte as in an undisturbed run."""
    store = reopened(url)
    log = CheckpointLog(store, "default", run_id)
    assert commits == len(store.names(f"models/default/runs/{run_id}/log"))
    records = log.records()
    assert list(range(commits)) == [record.iteration for record in records]
    for record in records:
        assert undisturbed.digest(record.iteration) == record.digest
        log.read(record)


def read_spoiled(url: str, reads: int) -> dict[str, int]:
    """Read the newest checkpoint again and again; how often damage was met, or misled the reader."""
    counts = {"reads": reads, "damage reported": 0, "refused": 0, "silent": 0}
    for _ in range(reads):
        log = CheckpointLog(reopened(url), "default", run_id)
        try:
            with reported() as problems:
                newest = log.newest()
        except StoreError:
            counts["refused"] += 1
            continue
        counts["damage reported"] += len(problems)
        counts["silent"] += misled(newest) if newest else not problems
        if newest and not problems:
            assert newest.after == newest.record.iteration
    return counts


def misled(newest: Checkpoint) -> bool:
    """Whether the state is not that of an undisturbed run."""
    data = write_payload(*newest.payload)
    return undisturbed.digest(newest.record.iteration) != digest(data)
