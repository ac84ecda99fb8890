"""Two runs commit to one history: one continues, the other accepts equal checkpoints or stops."""

from __future__ import annotations

import pytest

from flows.exceptions import RunConflict, StoreError
from flows.storage.canonical import digest
from flows.storage.log import Log
from flows.storage.payload import write_payload
from flows.storage.stores import Store
from rnncore import train
from tests.support.states import (
    commit,
    evaluation_of,
    facts,
    make_state,
    open_log,
    tokens,
    vocabulary,
)
from tests.support.stores import StoreWrapper, in_parallel


def test_a_different_checkpoint_of_another_run_is_a_conflict(store: Store) -> None:
    """The loser stops and reports who advanced the run, to which iteration and when."""
    log = open_log(store)
    commit(log, 3)
    winner = Log(store, f"models/default/runs/{'0' * 16}/log")
    commit(log, 5, after=0)
    writer = winner.read(1).writer

    with pytest.raises(RunConflict, match=f"run {'0' * 16} of model default .*{writer}") as caught:
        commit(log, 4, after=0)
    assert "to iteration 5 at 20" in str(caught.value)
    assert [3, 5] == [record.iteration for record in log.records()]


def test_the_same_iteration_with_other_bytes_is_a_conflict(store: Store) -> None:
    """Only the same bytes are the same checkpoint."""
    log = open_log(store)
    state = make_state(iterations=3)
    commit(log, 3)
    state.parameters.by[0] += 1

    with pytest.raises(RunConflict, match="to iteration 3 "):
        log.commit(state, vocabulary, facts, after=-1)


def test_the_same_checkpoint_by_another_writer_is_accepted(store: Store) -> None:
    """Training is deterministic: the first record is kept, and nothing is written twice."""
    log = open_log(store)
    theirs = commit(log, 3, after=-1)
    slower = dict(facts) | {"characters_per_second": 1.0}
    ours = log.commit(make_state(iterations=3), vocabulary, slower, after=-1)

    assert theirs == ours
    assert 1 == len(log.records())
    assert 0 == log.head()


def test_an_evaluation_between_two_checkpoints_does_not_stop_a_commit(store: Store) -> None:
    """An evaluation written since then is not the work of another run."""
    log = open_log(store)
    record = commit(log, 3)
    log.add_evaluation(evaluation_of(record))
    log.add_evaluation(evaluation_of(record, bits=2.0))
    commit(log, 5, after=0)
    newest = log.newest()

    assert newest is not None
    assert (5, 3) == (newest.record.iteration, newest.after)


def test_a_conflict_after_an_evaluation_is_still_a_conflict(store: Store) -> None:
    """Skipping an evaluation does not skip a checkpoint."""
    log = open_log(store)
    record = commit(log, 3)
    log.add_evaluation(evaluation_of(record))
    commit(log, 5, after=1)

    with pytest.raises(RunConflict):
        commit(log, 4, after=0)


def test_a_lost_reply_is_not_taken_for_another_run(store: Store) -> None:
    """Each record was written, each reply was lost: the run continues."""

    class LostReplyStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            raise StoreError("timed out")

    log = open_log(LostReplyStore(store))
    commit(log, 3)
    commit(log, 5)

    assert [3, 5] == [record.iteration for record in open_log(store).records()]


@pytest.mark.usefixtures("fast_switching_threads")
def test_concurrent_runs_keep_one_history(store: Store) -> None:
    """Four writers train the same run in chunks of one or two: no iteration is lost or repeated."""
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

    in_parallel(4, work)
    raw = Log(store, f"models/default/runs/{'0' * 16}/log").list_records()
    history = [record.content for record in raw.newest_first("checkpoint")][::-1]
    iterations = [content["iteration"] for content in history]

    assert sorted(set(iterations)) == iterations
    for content in history:
        state = make_state(iterations=content["iteration"])
        assert digest(write_payload(state, vocabulary)) == content["digest"]
