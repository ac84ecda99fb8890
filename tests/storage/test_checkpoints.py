"""Commit, read back, fall back, resume: one history of checkpoints, whatever was damaged or lost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, Evaluation, newest_run
from flows.storage.exceptions import (
    DamagedObject,
    NewerFormat,
    RunConflict,
    StoreError,
    UnknownObject,
)
from flows.storage.files import Store
from flows.storage.log import Log
from flows.storage.payload import write_payload
from rnncore import train
from tests.storage.conftest import (
    PassingStore,
    assert_same_state,
    at_once,
    facts,
    flipped,
    make_state,
    overwrite,
    text,
    vocabulary,
)

tokens = vocabulary.encode(text)


def open_log(store: Store, run_id: str = "0" * 16) -> CheckpointLog:
    """The checkpoints of a run of the default model."""
    return CheckpointLog(store, "default", run_id)


def commit(log: CheckpointLog, iterations: int, after: int | None = None) -> CheckpointRecord:
    """Commit the state of that iteration, behind what is there or behind `after`."""
    after = log.head() if after is None else after
    return log.commit(make_state(iterations=iterations), vocabulary, facts, after=after)


def evaluation_of(record: CheckpointRecord, bits: float = 2.5) -> Evaluation:
    """An evaluation of that checkpoint."""
    return Evaluation(
        iteration=record.iteration,
        digest=record.digest,
        train_bits_per_character=bits,
        held_out_bits_per_character=None,
    )


def test_a_run_without_checkpoints_has_no_newest(store: Store) -> None:
    """That is no error: a run has to start somewhere."""
    assert open_log(store).newest() is None
    assert -1 == open_log(store).head()
    assert [] == open_log(store).records()


def test_the_newest_checkpoint_is_the_last_one_committed(store: Store) -> None:
    """State, vocabulary and facts come back, with the number to go on behind."""
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
    """A record never names what is not there yet."""
    written: list[str] = []

    class NotingStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            written.append(path)
            super().create(path, data, private=private)

        def put(self, path: str, data: bytes) -> None:
            written.append(path)
            super().put(path, data)

    record = commit(open_log(NotingStore(store)), 3)

    assert [open_log(store).payload_path(record.digest)] == written[:1]
    assert written[1:] == [f"models/default/runs/{'0' * 16}/log/{0:012}.json"]


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
def test_a_damaged_payload_is_named_and_the_one_before_it_found(
    store: Store, damage: Callable[[bytes], bytes] | None, reason: str
) -> None:
    """The newest sound checkpoint is the newest; the run goes on behind the damaged number."""
    log = open_log(store)
    commit(log, 3)
    commit(log, 4)
    path = log.payload_path(commit(log, 5).digest)
    data = store.read(path)
    store.remove(path)
    if damage:
        store.put(path, damage(data))
    problems: list[DamagedObject] = []
    newest = log.newest(problems)

    assert newest is not None
    assert 4 == newest.record.iteration
    assert 2 == newest.after
    assert [f"checkpoint 5 ({store.location(path)})"] == [problem.name for problem in problems]
    assert problems[0].reason.startswith(reason)


def test_a_checkpoint_made_again_repairs_its_payload(store: Store) -> None:
    """From the sound one before, the same work gives the same bytes, and they are written anew."""
    log = open_log(store)
    commit(log, 3)
    record = commit(log, 5)
    overwrite(store, log.payload_path(record.digest), b"damaged")
    newest = log.newest()
    assert newest is not None
    state = newest.payload.state
    train(state, tokens, 2)
    again = log.commit(state, vocabulary, facts, after=newest.after)
    problems: list[DamagedObject] = []
    found = log.newest(problems)

    assert record == again
    assert found is not None
    assert (5, 2) == (found.record.iteration, found.after)
    assert [] == problems
    assert [3, 5] == [record.iteration for record in log.records()]


def test_a_damaged_record_is_named_and_passed_over(store: Store) -> None:
    """As a damaged payload is."""
    log = open_log(store)
    commit(log, 3)
    commit(log, 5)
    path = f"models/default/runs/{'0' * 16}/log/{1:012}.json"
    overwrite(store, path, store.read(path)[:-10])
    problems: list[DamagedObject] = []
    newest = log.newest(problems)

    assert newest is not None
    assert (3, 1) == (newest.record.iteration, newest.after)
    assert [store.location(path)] == [problem.name for problem in problems]
    assert [3] == [record.iteration for record in log.records()]


def test_a_run_of_damaged_checkpoints_alone_has_no_newest(store: Store) -> None:
    """Each is named, newest first."""
    log = open_log(store)
    for iteration in (3, 5):
        store.remove(log.payload_path(commit(log, iteration).digest))
    problems: list[DamagedObject] = []

    assert log.newest(problems) is None
    assert ["checkpoint 5", "checkpoint 3"] == [
        problem.name.partition(" (")[0] for problem in problems
    ]


def test_a_payload_of_a_newer_format_stops(store: Store) -> None:
    """Going on from an older one would fork the run."""
    log = open_log(store)
    commit(log, 3)
    record = commit(log, 5)
    data = store.read(log.payload_path(record.digest))
    newer = data.replace(b'\\"format\\":1', b'\\"format\\":9')
    content = record.model_dump(mode="json") | {"digest": digest(newer)}
    store.put(log.payload_path(digest(newer)), newer)
    Log(store, f"models/default/runs/{'0' * 16}/log").append("checkpoint", content, after=1)

    assert newer != data
    with pytest.raises(NewerFormat, match=r"format 9 is newer than this program \(1\)"):
        log.newest()


def test_another_checkpoint_of_another_run_is_a_conflict(store: Store) -> None:
    """The loser stops and says who advanced the run, to where and when."""
    log = open_log(store)
    commit(log, 3)
    winner = Log(store, f"models/default/runs/{'0' * 16}/log")
    commit(log, 5, after=0)
    writer = winner.read(1).writer

    with pytest.raises(RunConflict, match=f"run {'0' * 16} of model default .*{writer}") as caught:
        commit(log, 4, after=0)
    assert "to iteration 5 at 20" in str(caught.value)
    assert [3, 5] == [record.iteration for record in log.records()]


def test_an_equal_iteration_with_other_bytes_is_a_conflict(store: Store) -> None:
    """Only the same bytes are the same checkpoint."""
    log = open_log(store)
    state = make_state(iterations=3)
    commit(log, 3)
    state.parameters.by[0] += 1

    with pytest.raises(RunConflict, match="to iteration 3 "):
        log.commit(state, vocabulary, facts, after=-1)


def test_the_same_checkpoint_by_another_writer_is_accepted(store: Store) -> None:
    """The work is deterministic: their record stands, and nothing is written twice."""
    log = open_log(store)
    theirs = commit(log, 3, after=-1)
    slower = dict(facts) | {"characters_per_second": 1.0}
    ours = log.commit(make_state(iterations=3), vocabulary, slower, after=-1)

    assert theirs == ours
    assert 1 == len(log.records())
    assert 0 == log.head()


def test_an_evaluation_between_two_checkpoints_does_not_stop_a_commit(store: Store) -> None:
    """What else was written down since is no other run's work."""
    log = open_log(store)
    record = commit(log, 3)
    log.add_evaluation(evaluation_of(record))
    log.add_evaluation(evaluation_of(record, bits=2.0))
    commit(log, 5, after=0)
    newest = log.newest()

    assert newest is not None
    assert (5, 3) == (newest.record.iteration, newest.after)


def test_a_conflict_behind_an_evaluation_is_still_one(store: Store) -> None:
    """Passing over an evaluation does not pass over a checkpoint."""
    log = open_log(store)
    record = commit(log, 3)
    log.add_evaluation(evaluation_of(record))
    commit(log, 5, after=1)

    with pytest.raises(RunConflict):
        commit(log, 4, after=0)


def test_an_evaluation_is_found_by_its_checkpoint(store: Store) -> None:
    """Of two, the later one; of another checkpoint, none."""
    log = open_log(store)
    first, second = commit(log, 3), commit(log, 5)
    log.add_evaluation(evaluation_of(first))
    later = log.add_evaluation(evaluation_of(first, bits=2.0))

    assert later == log.evaluation(first.digest)
    assert log.evaluation(second.digest) is None


def test_a_record_is_found_by_its_digest(store: Store) -> None:
    """A report names its checkpoint so."""
    log = open_log(store)
    first = commit(log, 3)
    commit(log, 5)

    assert first == log.record(first.digest)
    assert_same_state(make_state(iterations=3), log.read(first).state)
    with pytest.raises(UnknownObject, match=r"run 0+ of model default has no checkpoint ffff"):
        log.record("ffff")


def test_a_record_that_lacks_a_field_is_damaged(store: Store) -> None:
    """Sealed, but no checkpoint: it is passed over and named."""
    log = open_log(store)
    commit(log, 3)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log")
    raw.append("checkpoint", {"iteration": 5}, after=0)
    raw.append("evaluation", {"iteration": 5}, after=1)
    problems: list[DamagedObject] = []
    newest = log.newest(problems)

    assert newest is not None
    assert (3, 2) == (newest.record.iteration, newest.after)
    assert ["not a checkpoint"] == [problem.reason for problem in problems]
    assert [3] == [record.iteration for record in log.records()]
    assert 3 == log.record(newest.record.digest).iteration
    assert log.evaluation(newest.record.digest) is None


def test_a_lost_reply_is_not_another_run(store: Store) -> None:
    """Each record was written, each reply lost: the run goes on."""

    class ForgetfulStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            raise StoreError("timed out")

    log = open_log(ForgetfulStore(store))
    commit(log, 3)
    commit(log, 5)

    assert [3, 5] == [record.iteration for record in open_log(store).records()]


@pytest.mark.usefixtures("hasty_threads")
def test_runs_at_once_keep_one_history(store: Store) -> None:
    """Four writers train the same run in strides of their own: no iteration is lost or doubled."""
    log = open_log(store)
    commit(log, 0)
    conflicts: list[RunConflict] = []

    def work(number: int) -> None:
        own = open_log(store)
        while True:
            newest = own.newest()
            assert newest is not None
            state = newest.payload.state
            if state.iteration >= 12:
                return
            train(state, tokens, number % 2 + 1)
            try:
                own.commit(state, vocabulary, facts, after=newest.after)
            except RunConflict as conflict:
                conflicts.append(conflict)

    at_once(4, work)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log").look()
    history = [record.content for record in raw.newest_first("checkpoint")][::-1]
    iterations = [content["iteration"] for content in history]

    assert sorted(set(iterations)) == iterations
    for content in history:
        state = make_state(iterations=content["iteration"])
        assert digest(write_payload(state, vocabulary)) == content["digest"]


def test_the_newest_run_is_the_one_trained_last(store: Store) -> None:
    """By its newest checkpoint, not by its name or its start."""
    first, second = open_log(store, "f" * 16), open_log(store, "a" * 16)
    commit(first, 3)
    commit(second, 3)
    assert "a" * 16 == newest_run(store, "default")
    commit(first, 5)

    assert "f" * 16 == newest_run(store, "default")


def test_a_model_without_checkpoints_is_named(store: Store) -> None:
    """The message says what to do first."""
    with pytest.raises(UnknownObject, match=f"model default has no checkpoint in {store.url}: "):
        newest_run(store, "default")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_run_resumed_at_every_checkpoint_ends_with_the_same_bytes(
    store: Store, dtype: str, batch_size: int
) -> None:
    """Chunks of all lengths, over wraps of the text, each from what was read back, against one."""
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


def test_records_hold_strict_json_alone(store: Store) -> None:
    """What another program reads of the log is what this one wrote."""
    record = commit(open_log(store), 3)
    data = store.read(f"models/default/runs/{'0' * 16}/log/{0:012}.json")
    content = strict_json(data)["content"]

    assert record == CheckpointRecord.model_validate(content)
    assert content == strict_json(canonical_json(record.model_dump(mode="json")))


def test_a_payload_under_the_record_of_another_is_damage(store: Store) -> None:
    """Sound in itself, it is not the checkpoint that the record promises."""
    log = open_log(store)
    record = commit(log, 3)

    with pytest.raises(DamagedObject, match=r"checkpoint 4 .*: holds iteration 3"):
        log.read(record.model_copy(update={"iteration": 4}))


def test_a_digest_that_is_none_is_no_path(store: Store) -> None:
    """A record that names anything but a digest is not read from there."""
    log = open_log(store)
    record = commit(log, 3)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log")
    raw.append("checkpoint", record.model_dump(mode="json") | {"digest": "../../x"}, after=0)
    problems: list[DamagedObject] = []

    newest = log.newest(problems)
    assert newest is not None
    assert record == newest.record
    assert ["record 1: not a checkpoint"] == [str(problem) for problem in problems]


def test_a_stray_file_beside_the_runs_is_no_run(store: Store) -> None:
    """Such as a file manager leaves."""
    commit(open_log(store), 3)
    store.put("models/default/runs/.DS_Store", b"")

    assert "0" * 16 == newest_run(store, "default")
