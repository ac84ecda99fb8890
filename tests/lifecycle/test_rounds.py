"""A run in rounds has the same bytes wherever its shards run and wherever it is interrupted."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, TypeVar

import numpy as np
import pytest

from flows.exceptions import CorpusError, DamagedObject, TrainingStopped
from flows.lifecycle import rounds
from flows.lifecycle.chunk import advance
from flows.lifecycle.evaluation import best_checkpoint
from flows.lifecycle.work import find_work
from flows.storage import OpenRun, Store
from flows.storage.stores import open_store
from rnncore import (
    OuterStep,
    TrainingDiverged,
    TrainingState,
    begin_rounds,
    finish_round,
    shard_bounds,
    shard_states,
    train,
)
from tests.support.damage import reported
from tests.support.killing import payloads
from tests.support.retention import Killed
from tests.support.rounds import asked, begun, digests, go_on, options, text
from tests.support.stores import flipped, overwrite
from tests.support.work import dataset_of, request, serve

Found = TypeVar("Found")


@pytest.fixture
def expected(tmp_path: Path) -> dict[int, str]:
    """The checkpoints of a run that is never interrupted, one shard after the other."""
    opened, work, _ = begun(open_store(str(tmp_path / "expected")), asked(checkpoint_every=14))
    go_on(opened, work)
    return digests(opened)


@pytest.fixture
def kept_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of every round is kept."""
    monkeypatch.setattr(rounds, "keep_seconds", 0)


class DyingExecutor(Executor):
    """Its process is killed in the leg after so many."""

    def __init__(self, legs: int) -> None:
        self.left = legs

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        raise NotImplementedError

    def map(
        self,
        fn: Callable[..., Found],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
    ) -> Iterator[Found]:
        del timeout, chunksize
        for item in iterables[0]:
            self.left -= 1
            if self.left < 0:
                raise Killed
            yield fn(item)


def processes() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))


@pytest.mark.parametrize(
    "make",
    [lambda: ThreadPoolExecutor(1), lambda: ThreadPoolExecutor(2), lambda: ThreadPoolExecutor(4)],
    ids=["1 thread", "2 threads", "4 threads"],
)
def test_the_number_of_workers_changes_no_byte(
    make: Callable[[], Executor], store: Store, expected: dict[int, str]
) -> None:
    opened, work, _ = begun(store, asked(checkpoint_every=14))
    with make() as executor:
        go_on(opened, work, executor)
    assert expected == digests(opened)


def test_workers_in_other_processes_read_the_text_themselves(
    local: Store, expected: dict[int, str]
) -> None:
    """And change no byte."""
    opened, work, _ = begun(local, asked(checkpoint_every=14))
    with processes() as executor:
        go_on(opened, work, executor)
    assert expected == digests(opened)


def test_checkpoints_are_those_of_a_loop_without_a_store(local: Store) -> None:
    opened, work, _ = begun(local, asked(dtype="float64"))
    record, run = go_on(opened, work), opened.run
    training = opened.split.training[:]
    state = TrainingState.initial(len(opened.vocabulary), run.network(), seed=0)
    state = begin_rounds(state, 3)
    first = opened.log.records()[0].arithmetic
    bounds = shard_bounds(len(training), 3)
    while state.iteration < record.iteration:
        shards = shard_states(state)
        for shard, (start, end) in zip(shards, bounds, strict=True):
            train(shard, training[start:end], 7, arithmetic=first)
        finish_round(state, shards, [end - start for start, end in bounds], OuterStep(0.9, 0.3))

    found = opened.log.read(record).state
    assert found.rounds
    assert state.rounds
    assert state.rounds.positions.tolist() == found.rounds.positions.tolist()
    for one, other in (
        *zip(state.parameters, found.parameters, strict=True),
        *zip(state.adagrad, found.adagrad, strict=True),
        *zip(state.rounds.momentum, found.rounds.momentum, strict=True),
        (state.rounds.hidden, found.rounds.hidden),
    ):
        np.testing.assert_array_equal(one, other)
    assert state.smooth_loss == found.smooth_loss


@pytest.mark.usefixtures("kept_always")
@pytest.mark.parametrize("legs", [0, 1, 20, 40, 61, 100])
def test_a_run_that_is_killed_in_a_round_goes_on_from_the_round_before(
    legs: int, local: Store, expected: dict[int, str]
) -> None:
    """With the same bytes and losses, and without what was trained already."""
    opened, work, _ = begun(local, asked(checkpoint_every=14))
    with pytest.raises(Killed):
        go_on(opened, work, DyingExecutor(legs))
    seen: list[int] = []
    go_on(opened, work, on_slice=lambda state, _: seen.append(state.iteration))

    assert expected == digests(opened)
    again, unbroken = (
        opened.log.records(),
        OpenRun(
            open_store(str(Path(local.url).parent / "expected")), "m", opened.run_id
        ).log.records(),
    )
    assert [one.loss for one in unbroken] == [one.loss for one in again]
    kept = [at for at in range(0, work.schedule.goal, 7) if at <= min(seen)]
    assert min(seen) - kept[-1] <= 7
    assert [] == local.names(f"models/m/runs/{opened.run_id}/rounds")


@pytest.mark.usefixtures("kept_always")
def test_a_corrupt_end_of_a_round_is_passed_over(local: Store, expected: dict[int, str]) -> None:
    """It is named by its content, and another content or another iteration is not trusted."""
    opened, work, _ = begun(local, asked(checkpoint_every=70))
    with pytest.raises(Killed):
        go_on(opened, work, DyingExecutor(60))
    folder = f"models/m/runs/{opened.run_id}/rounds"
    (name,) = local.names(folder)
    data = local.read(f"{folder}/{name}")
    overwrite(local, f"{folder}/{name}", flipped(data, len(data) // 2))
    local.put(f"{folder}/{35:012}{name[12:]}", data)
    local.put(f"{folder}/notes.txt", b"not of this program")
    with reported() as problems:
        assert opened.kept_rounds.newest(0, 10**6) is None
    assert {"sha256 mismatch, bytes were altered", f"holds iteration {int(name[:12])}"} == {
        problem.reason for problem in problems
    }
    go_on(opened, work)

    assert expected[work.schedule.goal] == digests(opened)[work.schedule.goal]
    assert ["notes.txt"] == local.names(folder)


@pytest.mark.usefixtures("kept_always")
def test_only_the_newest_end_of_a_round_is_kept(local: Store) -> None:
    opened, work, _ = begun(local, asked(checkpoint_every=70))
    counts = []

    def count(*_: object) -> None:
        counts.append(len(local.names(f"models/m/runs/{opened.run_id}/rounds")))

    go_on(opened, work, on_slice=count)
    assert {0, 1} == set(counts)


def test_a_stop_gives_a_long_round_up_and_keeps_the_one_before(
    local: Store, expected: dict[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Legs of one iteration, so each round is long; going on gives the same bytes."""
    monkeypatch.setattr(rounds, "leg_seconds", 0)
    opened, work, _ = begun(local, asked(checkpoint_every=70))
    stop = Event()

    def stop_in_a_round(state: TrainingState, _: float) -> None:
        if state.iteration == 24:
            stop.set()

    record = go_on(opened, work, stop=stop, on_slice=stop_in_a_round)
    assert (21, None) == (record.iteration, record.snapshot)
    assert record == go_on(opened, work, stop=stop)  # no round is done, and nothing is written
    assert 2 == len(opened.log.records())
    go_on(opened, work)
    assert expected[work.schedule.goal] == digests(opened)[work.schedule.goal]


def test_checkpoints_and_evaluations_are_at_ends_of_rounds(local: Store) -> None:
    opened, work, _ = begun(local, asked(checkpoint_every=10, epochs=3))
    go_on(opened, work)
    epoch = work.schedule.per_epoch
    ends = [-(-epoch * n // 7) * 7 for n in (1, 2, 3)]
    iterations = sorted(digests(opened))
    assert ends == list(work.schedule.evaluations(10**6))[:3]
    assert ends[-1] == work.schedule.goal == iterations[-1]
    assert {*ends, *range(0, ends[-1], 14)} == set(iterations)
    assert best_checkpoint(opened, work.schedule, 10**6).iteration in ends
    assert {found.iteration for found in opened.log.evaluations()} == set(ends)


def test_a_round_of_many_epochs_is_evaluated_once(local: Store) -> None:
    _, work, _ = begun(local, asked(round_iterations=1000, epochs=4))
    assert 1000 == work.schedule.goal
    assert [1000, 2000] == list(work.schedule.evaluations(2000))


def test_more_epochs_continue_a_run(local: Store) -> None:
    """The bytes at the end of the first request are passed through by the second."""
    opened, work, _ = begun(local, asked())
    first = go_on(opened, work)
    other, more, _ = begun(local, asked(epochs=2))
    go_on(other, more)
    assert opened.run_id == other.run_id
    assert first.digest == digests(other)[first.iteration]


def test_one_shard_is_the_run_that_it_was(local: Store) -> None:
    """Name and bytes of a run do not know of shards; two shards, or another constant, are another."""
    dataset = dataset_of(local, text)
    names = {
        find_work(local, dataset, request(training)).run.run_id
        for training in ({}, {"shards": 1}, {"shards": 1, "round_iterations": None})
    }
    assert 1 == len(names)
    runs = [
        find_work(local, dataset, asked(**change)).run
        for change in (
            {},
            {"shards": 2},
            {"round_iterations": 8},
            {"outer_momentum": 0.0},
            {"outer_learning_rate": 0.5},
        )
    ]
    assert 6 == len({*names, *(run.run_id for run in runs)})
    usual = find_work(local, dataset, asked(outer_momentum=0.9, outer_learning_rate=0.3)).run
    assert usual == runs[0]
    assert "shards" not in find_work(local, dataset, request()).run.model_dump()


def test_a_run_in_rounds_starts_from_the_champion_with_new_characters(local: Store) -> None:
    """And the next one from it, with and without shards."""
    first = serve(local, dataset_of(local, text), asked())
    grown = serve(local, dataset_of(local, text, "Zürich? Où? " * 300), asked(shards=2))
    alone = serve(local, dataset_of(local, text, "¿Qué? " * 300), request())

    assert "scratch" in first.work.starts_from
    assert (first.decision.version.digest, first.work.run.run_id != grown.work.run.run_id) == (
        grown.work.run.parent,
        True,
    )
    assert alone.work.run.parent is not None
    assert alone.iterations > 0


def test_patience_ends_a_run_in_rounds(local: Store) -> None:
    wanted = request(
        options | {"epochs": 40, "learning_rate": 1.0, "round_iterations": 5},
        evaluation={"patience": 1},
    )
    served = serve(local, dataset_of(local, text), wanted)
    assert 0 < served.iterations < served.work.schedule.goal


def test_a_shard_that_diverges_is_named(local: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(state: TrainingState, *_: object, **__: object) -> Any:
        state.iteration += 3
        raise TrainingDiverged(state.iteration, float("nan"), 0.05)

    opened, _, _ = begun(local, asked())
    newest = opened.log.newest()
    assert newest
    monkeypatch.setattr(rounds, "train", failing)
    with pytest.raises(TrainingStopped) as stopped:
        advance(opened, newest, 70, (), lambda *_: None, Event())
    assert str(stopped.value).startswith(
        "the loss of shard 1 of 3 became nan at iteration 3 with learning_rate 0.05"
    )
    assert [0] == [record.iteration for record in opened.log.records()]


def test_processors_that_differ_are_recorded_and_reported(
    local: Store, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened, work, _ = begun(local, asked())
    here = opened.log.records()[0].cpu
    train_leg = rounds.train_leg

    def elsewhere(leg: rounds.Leg) -> rounds.LegEnd:
        end = train_leg(leg)
        return end._replace(cpu="another processor") if leg.shard == 1 else end

    monkeypatch.setattr(rounds, "train_leg", elsewhere)
    record = go_on(opened, work)
    assert (here, "another processor", here) == record.shard_cpus
    assert "shards ran on" in caplog.text
    assert opened.log.records()[0].shard_cpus is None


@pytest.mark.parametrize("shards", [600, 10_000])
def test_more_shards_than_sequences_are_refused(shards: int, local: Store) -> None:
    dataset = dataset_of(local, text)
    characters = dataset.divide(0.1, "content").training.characters
    with pytest.raises(CorpusError) as refused:
        find_work(local, dataset, asked(shards=shards))
    assert (
        f"the training text has {characters} characters, enough for {characters // 12} shards of a"
        f" sequence each (batch_size 1 × (seq_length 10 + 2) characters), not for {shards}: give a"
        " longer corpus, or make training.shards smaller"
    ) == str(refused.value)


def test_as_many_shards_as_sequences_train(local: Store) -> None:
    dataset = dataset_of(local, text)
    most = dataset.divide(0.1, "content").training.characters // 12
    served = serve(local, dataset, asked(shards=most, round_iterations=2))
    assert 2 == served.iterations


def test_a_checkpoint_of_other_shards_is_not_of_the_run(local: Store) -> None:
    opened, _, _ = begun(local, asked())
    other, work, _ = begun(local, asked(shards=2))
    record = go_on(other, work)
    data = local.read(other.log.payload_path(record.digest))
    local.put(opened.log.payload_path(record.digest), data)
    with pytest.raises(DamagedObject, match="not those of run"):
        opened.log.read(record)


def test_no_byte_of_a_payload_depends_on_how_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole store, but for records: in one leg a round, or in many."""
    stores = [tmp_path / "one", tmp_path / "other"]
    for seconds, folder in zip((3.0, 0.0), stores, strict=True):
        monkeypatch.setattr(rounds, "leg_seconds", seconds)
        opened, work, _ = begun(open_store(str(folder)), asked())
        go_on(opened, work)
    one, other = map(payloads, stores)
    assert one == other
