"""Two runs of one model: one works, the other waits for it or stops, as configured."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.exceptions import RunConflict
from tests.support.flows import retrained
from tests.support.lock_holder import hold_lock

Options = Callable[..., dict[str, Any]]


@pytest.fixture
def other_run(store: Path) -> Callable[[float], multiprocessing.Process]:
    """Starts a process that holds the lock for some seconds; returns once it holds the lock."""

    def start(seconds: float) -> multiprocessing.Process:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=hold_lock, args=(str(store), seconds), daemon=True)
        process.start()
        while not (store / "held").exists():
            time.sleep(0.01)
        return process  # type: ignore[return-value]  # a spawned process is a process

    return start


def test_run_of_a_busy_model_stops_if_configured_to(
    options: Options, store: Path, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """The error names the other run and says what to do; no run is written."""
    process = other_run(60)

    with pytest.raises(RunConflict, match=rf"another run \(process {process.pid}\).*when_busy"):
        retrained(options(when_busy="stop"))

    process.kill()
    process.join()
    assert not (store / "models" / "default" / "runs").exists()


def test_run_of_a_busy_model_waits_by_default(
    options: Options, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """By default the run begins when the other has ended."""
    process = other_run(1.5)

    outcome = retrained(options())

    process.join(timeout=30)
    assert process.exitcode == 0
    assert outcome.trained_iterations > 0


def test_killed_run_frees_its_lock_immediately(
    options: Options, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """The kernel frees the lock of a process that was killed."""
    process = other_run(60)
    process.kill()
    process.join()

    assert retrained(options(when_busy="stop")).trained_iterations > 0


def test_runs_of_other_models_do_not_wait(
    options: Options, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """A lock is for one model."""
    process = other_run(60)

    outcome = retrained(options(model="other", when_busy="stop"))

    process.kill()
    process.join()
    assert outcome.trained_iterations > 0
