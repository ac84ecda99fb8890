"""Two runs of one model: one works, the other waits for it or stops, as it was told."""

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
    """Starts a process that holds the lock for some seconds; returns when it does."""

    def start(seconds: float) -> multiprocessing.Process:
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=hold_lock, args=(str(store), seconds), daemon=True)
        process.start()
        while not (store / "held").exists():
            time.sleep(0.01)
        return process  # type: ignore[return-value]  # a spawned process is a process

    return start


def test_busy_model_stops_a_run_that_shall_not_wait(
    options: Options, store: Path, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """The run fails with what is going on and what to do, and writes no run."""
    process = other_run(60)

    with pytest.raises(RunConflict, match=rf"another run \(process {process.pid}\).*when_busy"):
        retrained(options(when_busy="stop"))

    process.kill()
    process.join()
    assert not (store / "models" / "default" / "runs").exists()


def test_busy_model_is_waited_for(
    options: Options, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """By default the run begins when the other has ended."""
    process = other_run(1.5)

    outcome = retrained(options())

    process.join(timeout=30)
    assert process.exitcode == 0
    assert outcome.trained_iterations > 0


def test_killed_run_frees_its_lock_at_once(
    options: Options, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """The kernel frees the lock of a process that was killed."""
    process = other_run(60)
    process.kill()
    process.join()

    assert retrained(options(when_busy="stop")).trained_iterations > 0


def test_other_models_are_not_kept_waiting(
    options: Options, other_run: Callable[[float], multiprocessing.Process]
) -> None:
    """A lock is one model's."""
    process = other_run(60)

    outcome = retrained(options(model="other", when_busy="stop"))

    process.kill()
    process.join()
    assert outcome.trained_iterations > 0
