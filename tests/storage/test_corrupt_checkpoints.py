"""Corrupt checkpoints are reported, and the newest intact one is found."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.exceptions import DamagedObject, NewerFormat
from flows.storage.canonical import digest
from flows.storage.checkpoints import newest_run
from flows.storage.log import Log
from flows.storage.payload import read_payload, write_payload
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import train
from tests.support.damage import reported
from tests.support.states import commit, facts, make_state, open_log, tokens, vocabulary
from tests.support.stores import flipped, overwrite


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda data: flipped(data, len(data) // 2), "sha256 mismatch, bytes were altered"),
        (lambda data: flipped(data, 9), "sha256 mismatch, bytes were altered"),
        (lambda data: data[:50], "truncated, 50 of "),
        (lambda _: b"", "truncated, 0 of "),
        (None, "is missing"),
    ],
    ids=["flipped", "header flipped", "truncated", "empty", "missing"],
)
def test_a_corrupt_payload_is_reported_and_the_one_before_it_is_found(
    store: Store, damage: Callable[[bytes], bytes] | None, reason: str
) -> None:
    """The newest intact checkpoint is returned; the run continues after the corrupt record."""
    log = open_log(store)
    commit(log, 3)
    commit(log, 4)
    path = log.payload_path(commit(log, 5).digest)
    data = store.read(path)
    store.remove(path)
    if damage:
        store.put(path, damage(data))
    with reported() as problems:
        newest = log.newest()

    assert newest is not None
    assert 4 == newest.record.iteration
    assert 2 == newest.after
    assert [f"checkpoint 5 ({store.location(path)})"] == [problem.name for problem in problems]
    assert problems[0].reason.startswith(reason)


def test_a_repeated_checkpoint_repairs_its_payload(store: Store) -> None:
    """Training from the previous checkpoint gives the same bytes, which are written again."""
    log = open_log(store)
    commit(log, 3)
    record = commit(log, 5)
    overwrite(store, log.payload_path(record.digest), b"damaged")
    newest = log.newest()
    assert newest is not None
    state = newest.payload.state
    train(state, tokens, 2)
    again = log.commit(state, vocabulary, facts, after=newest.after)
    with reported() as problems:
        found = log.newest()

    assert record == again
    assert found is not None
    assert (5, 2) == (found.record.iteration, found.after)
    assert [] == problems
    assert [3, 5] == [record.iteration for record in log.records()]


def test_a_corrupt_record_is_reported_and_skipped(store: Store) -> None:
    """Like a corrupt payload."""
    log = open_log(store)
    commit(log, 3)
    commit(log, 5)
    path = f"models/default/runs/{'0' * 16}/log/{1:012}.json"
    overwrite(store, path, store.read(path)[:-10])
    with reported() as problems:
        newest = log.newest()

    assert newest is not None
    assert (3, 1) == (newest.record.iteration, newest.after)
    assert [store.location(path)] == [problem.name for problem in problems]
    assert [3] == [record.iteration for record in log.records()]


def test_a_run_with_only_corrupt_checkpoints_has_no_newest(store: Store) -> None:
    """Each is reported, newest first."""
    log = open_log(store)
    for iteration in (3, 5):
        store.remove(log.payload_path(commit(log, iteration).digest))

    with reported() as problems:
        assert log.newest() is None
    assert ["checkpoint 5", "checkpoint 3"] == [
        problem.name.partition(" (")[0] for problem in problems
    ]


def test_a_payload_of_a_newer_format_is_an_error(store: Store) -> None:
    """Continuing from an older checkpoint would fork the run."""
    log = open_log(store)
    commit(log, 3)
    record = commit(log, 5)
    data = store.read(log.payload_path(record.digest))
    newer = data.replace(b'\\"format\\":1', b'\\"format\\":9')
    content = record.model_dump(mode="json") | {"digest": digest(newer)}
    store.put(log.payload_path(digest(newer)), newer)
    Log(store, f"models/default/runs/{'0' * 16}/log").append("checkpoint", content, after=1)

    assert newer != data
    with pytest.raises(NewerFormat, match=r"format 9 is newer than this program \(2\)"):
        log.newest()


def test_a_record_that_lacks_a_field_is_corrupt(store: Store) -> None:
    """Its checksum is right, but it is not a checkpoint: it is reported and skipped."""
    log = open_log(store)
    commit(log, 3)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log")
    raw.append("checkpoint", {"iteration": 5}, after=0)
    raw.append("evaluation", {"iteration": 5}, after=1)
    with reported() as problems:
        newest = log.newest()

    assert newest is not None
    assert (3, 2) == (newest.record.iteration, newest.after)
    assert ["not a checkpoint"] == [problem.reason for problem in problems]
    assert [3] == [record.iteration for record in log.records()]
    assert 3 == log.record(newest.record.digest).iteration
    assert log.evaluation(newest.record.digest, None) is None


@pytest.mark.parametrize("name", ["loss", "smooth_loss", "characters_per_second"])
def test_a_number_that_no_picture_can_show_is_corrupt(store: Store, name: str) -> None:
    """It is finite, but sums and scales of it are not."""
    log = open_log(store)
    record = commit(log, 3)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log")
    raw.append("checkpoint", record.model_dump(mode="json") | {name: 1e308}, after=0)
    with reported() as problems:
        assert [record] == log.records()
    assert [f"{raw.location(1)}: not a checkpoint"] == [str(problem) for problem in problems]


def test_a_payload_that_does_not_match_its_record_is_corrupt(store: Store) -> None:
    """The payload is intact, but it is not the checkpoint that the record names."""
    log = open_log(store)
    record = commit(log, 3)

    with pytest.raises(DamagedObject, match=r"checkpoint 4 .*: holds iteration 3"):
        log.read(record.model_copy(update={"iteration": 4}))


def test_an_invalid_digest_is_not_used_as_a_path(store: Store) -> None:
    """A record with an invalid digest is reported, and no such path is read."""
    log = open_log(store)
    record = commit(log, 3)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log")
    raw.append("checkpoint", record.model_dump(mode="json") | {"digest": "../../x"}, after=0)
    with reported() as problems:
        newest = log.newest()
    assert newest is not None
    assert record == newest.record
    assert [f"{raw.location(1)}: not a checkpoint"] == [str(problem) for problem in problems]


@pytest.mark.parametrize("size", [0, 1])
def test_a_vocabulary_of_fewer_than_two_characters_is_refused(size: int) -> None:
    """There is nothing to predict, even if the tensors have that size."""
    state = make_state()
    for part in (state.parameters, state.adagrad):
        part.Wxh, part.Why, part.by = part.Wxh[:, :size], part.Why[:size], part.by[:size]

    with pytest.raises(DamagedObject, match="its vocabulary has fewer than 2 characters"):
        read_payload("name", write_payload(state, Vocabulary("a"[:size])))


def test_other_files_in_the_folder_of_runs_are_ignored(store: Store) -> None:
    """Such as those that a file manager writes."""
    commit(open_log(store), 3)
    store.put("models/default/runs/.DS_Store", b"")

    assert "0" * 16 == newest_run(store, "default")
