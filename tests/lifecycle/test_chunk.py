"""A run keeps the order of additions that its records name, so that its bytes stay the same."""

from __future__ import annotations

from dataclasses import replace
from threading import Event

import pytest

from flows.exceptions import TrainingStopped
from flows.lifecycle.chunk import advance, commit_initial
from flows.lifecycle.machine import arithmetic_of, differences
from flows.storage import CheckpointLog, CheckpointRecord, OpenRun, Store
from flows.storage.checkpoints import Checkpoint
from flows.storage.payload import write_payload
from flows.storage.runs import make_run, save_run
from flows.text import Vocabulary
from rnncore import Arithmetic, Hyperparameters, arithmetic, kernels, train
from tests.support.damage import reported
from tests.support.states import stored, text

network = Hyperparameters(hidden_size=20, batch_size=8, seq_length=5)
first_version = Arithmetic.of_first_version(network)


@pytest.fixture
def opened(store: Store) -> OpenRun:
    """A run with its initial checkpoint."""
    dataset = stored(store, text).manifest.dataset_id
    run = make_run(dataset, held_out=0.1, split="content", seed=0, network=network)
    save_run(store, "default", run)
    opened = OpenRun(store, "default", run.run_id)
    commit_initial(opened, ())
    return opened


def newest(opened: OpenRun) -> Checkpoint:
    """The newest checkpoint."""
    found = opened.log.newest()
    assert found
    return found


def trained(opened: OpenRun, start: CheckpointRecord, goal: int) -> CheckpointRecord:
    """Train from the newest payload, with `start` as its record."""
    before = newest(opened)._replace(record=start)
    return advance(opened, before, goal, (), lambda *_: None, Event())


def test_a_new_run_names_the_fastest_arithmetic_and_keeps_it(
    opened: OpenRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another choice for new runs, by a new table say, changes nothing in a run that goes on."""
    fastest = Arithmetic.fastest(network)
    monkeypatch.setattr(kernels, "fastest_lanes", lambda _: 4)
    monkeypatch.setattr(arithmetic, "least_batch", 9)
    record = trained(opened, newest(opened).record, 3)

    assert fastest != Arithmetic.fastest(network)
    assert [fastest] * 2 == [found.arithmetic for found in opened.log.records()]
    assert fastest == record.arithmetic


def test_a_run_of_before_goes_on_as_version_0_1_0_would(opened: OpenRun) -> None:
    """Its records name no arithmetic; the bytes are those of the vectors and products of then."""
    state = newest(opened).payload.state
    unnamed = newest(opened).record.model_copy(update={"arithmetic": None})
    records = [unnamed, trained(opened, unnamed, 7), trained(opened, unnamed, 12)]
    train(state, opened.split.training, 12, arithmetic=first_version)

    assert [first_version] * 2 == [record.arithmetic for record in records[1:]]
    assert write_payload(state, opened.vocabulary) == opened.store.read(
        opened.log.payload_path(records[-1].digest)
    )


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("other", [1024, 2], ids=["too wide", "half of the smallest"])
def test_vectors_that_this_processor_has_not_are_replaced_and_reported(
    opened: OpenRun, *, other: int, transposed: bool
) -> None:
    """The weights stay transposed, or not."""
    named = Arithmetic(other, transposed)
    record = newest(opened).record.model_copy(update={"arithmetic": named})
    lanes = Arithmetic.fastest(network).lanes

    assert [f"vectors of {other} floats then, {lanes} now"] == differences(record, network)
    assert replace(named, lanes=lanes) == arithmetic_of(record, network)
    assert replace(named, lanes=lanes) == trained(opened, record, 2).arithmetic


@pytest.mark.parametrize("other", ["characters", "network"])
def test_the_state_of_another_run_is_not_trained_on(opened: OpenRun, other: str) -> None:
    """Even if a record with the right digest names it: it is reported, and the one before used."""
    first = newest(opened)
    state, vocabulary = first.payload
    state.iteration = 3
    if other == "characters":
        vocabulary = Vocabulary("".join(map(chr, range(1000, 1000 + len(vocabulary)))))
    else:
        state.hyperparameters = replace(network, seq_length=10**9)
    log = CheckpointLog(opened.store, opened.model, opened.run_id)
    facts = first.record.model_dump(exclude={"iteration", "digest", "size"})
    log.commit(state, vocabulary, facts, after=first.after)

    with reported() as problems:
        assert first.record == newest(opened).record
    assert ["its network or its characters are not those of run"] == [
        problem.reason[:50] for problem in problems
    ]


def test_a_run_that_lost_its_payloads_starts_again_with_its_arithmetic(opened: OpenRun) -> None:
    """So it gives the same bytes again."""
    kept = trained(opened, newest(opened).record.model_copy(update={"arithmetic": None}), 4)
    opened.store.remove(opened.log.payload_path(kept.digest))
    again = commit_initial(opened, ())

    assert first_version == again.arithmetic


def test_a_loss_that_explodes_stops_the_run_and_keeps_its_checkpoints(store: Store) -> None:
    """Though it is a number: it is above twice that of a uniform guess."""
    wild = replace(network, batch_size=1, learning_rate=30.0)
    dataset = stored(store, text).manifest.dataset_id
    run = make_run(dataset, held_out=0.1, split="content", seed=0, network=wild)
    save_run(store, "wild", run)
    opened = OpenRun(store, "wild", run.run_id)
    first = commit_initial(opened, ())

    with pytest.raises(TrainingStopped) as stopped:
        advance(opened, newest(opened), 2000, (), lambda *_: None, Event())
    assert "(twice that of a uniform guess) expected, became" in str(stopped.value)
    assert "with learning_rate 30: train again with a smaller" in str(stopped.value)
    assert [first] == opened.log.records()
