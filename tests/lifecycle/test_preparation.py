"""A run is found where its last checkpoint is, or started; what changed since is reported."""

from __future__ import annotations

import os
import time

import pytest

from flows.lifecycle.preparation import prepare
from flows.lifecycle.schedule import Schedule
from flows.storage import OpenRun, Store
from flows.storage.garbage import grace_seconds
from flows.storage.names import temporary_name
from flows.storage.runs import make_run
from rnncore import Hyperparameters
from tests.support.states import facts, stored, text

network = Hyperparameters(hidden_size=4)
schedule = Schedule(per_epoch=30, goal=60, checkpoint_every=10, evaluate_every=None)


@pytest.fixture
def opened(store: Store) -> OpenRun:
    """A run of which nothing is in the store but its dataset."""
    dataset = stored(store, text).manifest.dataset_id
    run = make_run(dataset, held_out=0.1, split="content", seed=0, network=network)
    return OpenRun(store, "default", run.run_id)


def prepared(opened: OpenRun, store: Store) -> int:
    """The iteration at which the run is."""
    dataset = store.names("datasets")[0]
    run = make_run(dataset, held_out=0.1, split="content", seed=0, network=network)
    return prepare(opened, run, ("a.txt",), schedule).record.iteration


def test_a_new_run_is_started(opened: OpenRun, store: Store) -> None:
    """With its description and the state before the first iteration, once."""
    assert [0, 0] == [prepared(opened, store) for _ in range(2)]
    assert [0] == [record.iteration for record in opened.log.records()]
    assert opened.run_id == opened.run.run_id


def test_another_processor_is_reported(
    opened: OpenRun, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """And every library of another version: bits may differ from here on."""
    prepared(opened, store)
    newest = opened.log.newest()
    assert newest
    state, vocabulary = newest.payload
    state.iteration = 3
    opened.log.commit(state, vocabulary, facts, after=newest.after)

    assert 3 == prepared(opened, store)
    assert f"from here on: processor {facts['cpu']} then, " in caplog.text
    assert "from here on: numpy 2 then, " in caplog.text


def test_garbage_of_killed_runs_is_removed(local: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Once it is old enough."""
    caplog.set_level("INFO", logger="flows")
    dataset = stored(local, text).manifest.dataset_id
    run = make_run(dataset, held_out=0.1, split="content", seed=0, network=network)
    temporary = local.local_file(f"datasets/{temporary_name()}")
    assert temporary
    temporary.write_bytes(b"half")
    old = time.time() - grace_seconds - 60
    os.utime(temporary, (old, old))

    prepare(OpenRun(local, "default", run.run_id), run, (), schedule)

    assert not temporary.exists()
    assert "removed 1 old files of killed runs" in caplog.text
