"""A signal lets the slice under way and its checkpoint come to a good end."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prefect.exceptions import TerminationSignal

from flows.interruption import finish_when_interrupted
from flows.storage.open_run import open_run
from tests.flows.conftest import retrained

Options = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def survive_sigterm() -> Iterator[None]:
    """Prefect passes the signal on to the handler that it found: the default would end pytest."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


def wait_for_training(store: Path) -> None:
    """Return when the first chunk is well under way."""
    while not list(store.rglob("*.safetensors")):
        time.sleep(0.01)
    time.sleep(0.3)


@pytest.mark.parametrize("batch_size", [1, 4])
def test_terminated_run_goes_on_where_it_stopped(
    options: Options, store: Path, batch_size: int
) -> None:
    """SIGTERM leaves a checkpoint between two planned ones; the next run ends as if unstopped."""
    chosen = options(training={"epochs": 3000, "checkpoint_every": 10**9, "batch_size": batch_size})

    def terminate() -> None:
        wait_for_training(store)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate, daemon=True)
    thread.start()
    with pytest.raises(TerminationSignal):
        retrained(chosen)
    thread.join()

    run_id = next((store / "models" / "default" / "runs").iterdir()).name
    log = open_run(str(store), "default", run_id).log
    stopped = log.records()[-1]
    assert len(log.records()) == 2
    assert stopped.iteration > 0
    assert stopped.snapshot is None
    opened = open_run(str(store), "default", run_id)
    epochs = stopped.iteration // opened.iterations_per_epoch + 2
    shorter = {"epochs": epochs, "batch_size": batch_size, "checkpoint_every": 10**9}
    resumed = retrained(options(training=shorter))
    unstopped = retrained(options(training=shorter, model="unstopped"))
    assert unstopped.checkpoint_digest == resumed.checkpoint_digest
    assert resumed.iteration - stopped.iteration == resumed.trained_iterations


def test_work_ends_before_the_signal_takes_effect() -> None:
    """The work sees the event, ends, and only then the interruption is raised."""
    ended = []

    def work(stop: threading.Event) -> None:
        assert stop.wait(10)
        time.sleep(0.05)
        ended.append(True)

    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        finish_when_interrupted(work)

    assert ended == [True]


def test_failure_of_the_work_is_its_own() -> None:
    """What the work raises is raised as it is."""

    def work(_: threading.Event) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        finish_when_interrupted(work)
