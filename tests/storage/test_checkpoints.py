"""Commit, read back, resume: one history of checkpoints."""

from __future__ import annotations

import pytest

from flows.exceptions import UnknownObject
from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.checkpoints import CheckpointRecord, newest_run
from flows.storage.payload import write_payload
from flows.storage.stores import Store
from rnncore import train
from tests.support.states import (
    assert_same_state,
    commit,
    evaluation_of,
    facts,
    make_state,
    open_log,
    tokens,
    vocabulary,
)
from tests.support.stores import StoreWrapper


def test_a_run_without_checkpoints_has_no_newest(store: Store) -> None:
    """That is no error: every run starts without checkpoints."""
    assert open_log(store).newest() is None
    assert -1 == open_log(store).head()
    assert [] == open_log(store).records()


def test_the_newest_checkpoint_is_the_last_one_committed(store: Store) -> None:
    """State, vocabulary and record are read back, with the number of the newest record."""
    log = open_log(store)
    commit(log, 3)
    record = commit(log, 5)
    newest = open_log(store).newest()

    assert newest is not None
    assert record == newest.record
    assert 1 == newest.after
    assert vocabulary == newest.payload.vocabulary
    assert_same_state(make_state(iterations=5), newest.payload.state)


def test_a_payload_is_named_by_its_digest(store: Store) -> None:
    """Anyone can check it with sha256sum."""
    log = open_log(store)
    record = commit(log, 3)
    data = store.read(log.payload_path(record.digest))

    assert digest(data) == record.digest
    assert len(data) == record.size
    assert data == write_payload(make_state(iterations=3), vocabulary)


def test_the_payload_is_written_before_its_record(store: Store) -> None:
    """A record never names a payload that does not exist yet."""
    written: list[str] = []

    class RecordingStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            written.append(path)
            super().create(path, data, private=private)

        def put(self, path: str, data: bytes) -> None:
            written.append(path)
            super().put(path, data)

    record = commit(open_log(RecordingStore(store)), 3)

    assert [open_log(store).payload_path(record.digest)] == written[:1]
    assert written[1:] == [f"models/default/runs/{'0' * 16}/log/{0:012}.json"]


def test_an_evaluation_is_found_by_its_checkpoint(store: Store) -> None:
    """And by its rule. The later of two; None for another checkpoint or another rule."""
    log = open_log(store)
    first, second = commit(log, 3), commit(log, 5)
    log.add_evaluation(evaluation_of(first))
    later = log.add_evaluation(evaluation_of(first, bits=2.0))

    by_blocks = log.add_evaluation(evaluation_of(first, rule="blocks"))

    assert later == log.evaluation(first.digest, None)
    assert by_blocks == log.evaluation(first.digest, "blocks")
    assert log.evaluation(first.digest, "another") is None
    assert log.evaluation(second.digest, None) is None


def test_a_record_is_found_by_its_digest(store: Store) -> None:
    """Reports name their checkpoints by digest."""
    log = open_log(store)
    first = commit(log, 3)
    commit(log, 5)

    assert first == log.record(first.digest)
    assert_same_state(make_state(iterations=3), log.read(first).state)
    with pytest.raises(UnknownObject, match=r"run 0+ of model default has no checkpoint ffff"):
        log.record("ffff")


def test_the_newest_run_is_the_one_trained_last(store: Store) -> None:
    """By its newest checkpoint, not by its name or its start."""
    first, second = open_log(store, "f" * 16), open_log(store, "a" * 16)
    commit(first, 3)
    commit(second, 3)
    assert "a" * 16 == newest_run(store, "default")
    commit(first, 5)

    assert "f" * 16 == newest_run(store, "default")


def test_a_model_without_checkpoints_is_an_error(store: Store) -> None:
    """The message says what to do first."""
    with pytest.raises(UnknownObject, match=f"model default has no checkpoint in {store.url}: "):
        newest_run(store, "default")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_run_resumed_at_every_checkpoint_ends_with_the_same_bytes(
    store: Store, dtype: str, batch_size: int
) -> None:
    """Chunks of several lengths, also past the end of the text, equal one run without a stop."""
    log = open_log(store)
    log.commit(make_state(dtype, batch_size, iterations=0), vocabulary, facts, after=-1)
    for iterations in (1, 2, 7, 40, 50):
        newest = open_log(store).newest()
        assert newest is not None
        state = newest.payload.state
        train(state, tokens, iterations)
        record = log.commit(state, vocabulary, facts, after=newest.after)
    whole = make_state(dtype, batch_size, iterations=100)

    assert write_payload(whole, vocabulary) == store.read(log.payload_path(record.digest))


def test_records_hold_only_strict_json(store: Store) -> None:
    """Another program reads from the log what this one wrote."""
    record = commit(open_log(store), 3)
    data = store.read(f"models/default/runs/{'0' * 16}/log/{0:012}.json")
    content = strict_json(data)["content"]

    assert record == CheckpointRecord.model_validate(content)
    assert content == strict_json(canonical_json(record.model_dump(mode="json")))
