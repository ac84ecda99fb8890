"""Runs that commit to S3 and read from it while faults are injected."""

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
    """Load, train and commit, as a chunk does; errors are raised to the caller."""
    for number in range(commits):
        log = CheckpointLog(reopened(url), "default", run_id)
        newest = log.newest()
        state = newest.payload.state if newest else make_state(iterations=0)
        if newest:
            assert number - 1 == newest.after
            train(state, tokens, 1, backend="numpy")
        log.commit(state, vocabulary, facts, after=number - 1)


def verify(url: str, commits: int) -> None:
    """Check: one record per number, one iteration per record, bytes as in a run without faults."""
    store = reopened(url)
    log = CheckpointLog(store, "default", run_id)
    assert commits == len(store.names(f"models/default/runs/{run_id}/log"))
    records = log.records()
    assert list(range(commits)) == [record.iteration for record in records]
    for record in records:
        assert undisturbed.digest(record.iteration) == record.digest
        log.read(record)


def read_corrupted(url: str, reads: int) -> dict[str, int]:
    """Read the newest checkpoint `reads` times; how often damage was reported, or not detected."""
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
        counts["silent"] += is_wrong(newest) if newest else not problems
        if newest and not problems:
            assert newest.after == newest.record.iteration
    return counts


def is_wrong(newest: Checkpoint) -> bool:
    """Whether the state differs from that of a run without faults."""
    data = write_payload(*newest.payload)
    return undisturbed.digest(newest.record.iteration) != digest(data)
