"""Two runs commit to one history: one goes on, the other takes over what is the same, or stops."""

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
from tests.support.stores import PassingStore, at_once


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
    raw = Log(store, f"models/default/runs/{'0' * 16}/log").list_records()
    history = [record.content for record in raw.newest_first("checkpoint")][::-1]
    iterations = [content["iteration"] for content in history]

    assert sorted(set(iterations)) == iterations
    for content in history:
        state = make_state(iterations=content["iteration"])
        assert digest(write_payload(state, vocabulary)) == content["digest"]
