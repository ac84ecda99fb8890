"""Runs and decisions are ordered by numbers in their records: clocks go back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from flows.storage import log as module
from flows.storage.checkpoints import CheckpointLog, newest_run
from flows.storage.log import Log
from flows.storage.order import largest, next_order, orders
from flows.storage.registry import Registry
from flows.storage.runs import run_folder
from flows.storage.stores import Store
from flows.storage.versions import Version
from tests.support.states import facts, make_state, vocabulary
from tests.support.stores import overwrite

first, second, third = "c" * 16, "b" * 16, "a" * 16
days = iter(range(1, 100))


@pytest.fixture
def clock_going_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record is written a day before the one that was written before it."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            del tz
            return datetime.now(UTC) - timedelta(days=next(days))

    monkeypatch.setattr(module, "datetime", Clock)


def start(store: Store, run_id: str, *, numbered: bool = True) -> None:
    """Commit the first checkpoint of a run; without a number it is of an earlier version."""
    order = next_order(store, "m") if numbered else None
    log = CheckpointLog(store, "m", run_id)
    log.commit(make_state(iterations=1), vocabulary, {**facts, "order": order}, after=-1)


def decide(store: Store, run_id: str) -> Version:
    """Promote the first checkpoint of a run."""
    digest = CheckpointLog(store, "m", run_id).records()[0].digest
    version = Version(
        decision="promoted",
        reason="for the test",
        run_id=run_id,
        iteration=1,
        digest=digest,
        bits_per_character=None,
        champion=None,
        champion_bits_per_character=None,
    )
    return Registry(store, "m").decide(run_id, digest, lambda *_: version).version


@pytest.mark.usefixtures("clock_going_back")
def test_the_newest_run_is_the_one_started_last(store: Store) -> None:
    """Whatever the clock said."""
    for run_id in (first, second, third):
        start(store, run_id)
        assert run_id == newest_run(store, "m")

    assert {first: 0, second: 1, third: 2} == orders(store, "m")


@pytest.mark.usefixtures("clock_going_back")
def test_a_decision_about_a_run_makes_it_the_newest(store: Store) -> None:
    """Runs and decisions share one sequence."""
    start(store, first)
    start(store, second)

    assert 2 == decide(store, first).order
    assert first == newest_run(store, "m")
    start(store, third)
    assert {first: 2, second: 1, third: 3} == orders(store, "m")


def test_runs_without_a_number_come_first_by_time(store: Store) -> None:
    """They are of an earlier version, which had only the clock."""
    for run_id in (first, third, second):
        start(store, run_id, numbered=False)
    assert second == newest_run(store, "m")

    start(store, "d" * 16)
    assert "d" * 16 == newest_run(store, "m")
    assert 0 == orders(store, "m")["d" * 16]


def test_equal_numbers_are_ordered_by_the_clock(store: Store) -> None:
    """Two hosts may start runs at the same time."""
    for run_id in (first, second):
        log = CheckpointLog(store, "m", run_id)
        log.commit(make_state(iterations=1), vocabulary, {**facts, "order": 0}, after=-1)

    assert second == newest_run(store, "m")


def test_a_corrupt_first_record_costs_only_its_number(store: Store) -> None:
    """The run is still found, and later ones come after it."""
    start(store, first)
    overwrite(store, f"{run_folder('m', first)}/log/000000000000.json", b"{}")
    start(store, second)

    assert second == newest_run(store, "m")


@pytest.mark.parametrize("forged", [2**63 - 1, -5, "7", True, 1.5, None])
def test_a_number_that_no_program_writes_is_not_followed(store: Store, forged: object) -> None:
    """The next one can always be written and read."""
    start(store, first)
    Log(store, "models/m/versions").append("version", {"run_id": first, "order": forged}, after=-1)

    assert 1 == next_order(store, "m")


def test_the_largest_number_can_be_followed(store: Store) -> None:
    """From there on the clock decides."""
    log = CheckpointLog(store, "m", first)
    log.commit(make_state(iterations=1), vocabulary, {**facts, "order": largest}, after=-1)
    start(store, second)

    assert second == newest_run(store, "m")
