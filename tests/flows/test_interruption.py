"""After a signal, the current slice is finished and its checkpoint written."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.exceptions import TerminationSignal
from prefect.runtime import flow_run
from prefect.states import Cancelling, Crashed

from flows.command_line import entry
from flows.display import artifacts
from flows.display.terminal import LiveTraining
from flows.results import RetrainResult
from flows.retrain import retrain
from flows.runtime import interruption
from flows.runtime.interruption import finish_when_interrupted
from flows.storage.open_run import open_run
from rnncore import TrainingState
from tests.support.flows import retrained

Options = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def survive_sigterm() -> Iterator[None]:
    """Prefect passes the signal on to the previous handler: the default would end pytest."""
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def training_started(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set when a chunk has trained some slices."""
    event = threading.Event()

    def on_slice(_: LiveTraining, state: TrainingState, __: float) -> None:
        if state.iteration > 1000:
            event.set()

    monkeypatch.setattr(LiveTraining, "on_slice", on_slice)
    return event


@pytest.mark.parametrize("batch_size", [1, 4])
def test_terminated_run_continues_where_it_stopped(
    options: Options, store: Path, training_started: threading.Event, batch_size: int
) -> None:
    """SIGTERM writes an extra checkpoint; the next run ends with the bytes of one without a stop."""
    chosen = options(
        training={"epochs": 100_000, "checkpoint_every": 10**9, "batch_size": batch_size}
    )

    def terminate() -> None:
        training_started.wait(timeout=120)
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=terminate, daemon=True)
    thread.start()
    with pytest.raises(TerminationSignal):
        retrained(chosen)
    thread.join()

    run_id = next((store / "models" / "default" / "runs").iterdir()).name
    log = open_run(str(store), "default", run_id).log
    stopped = log.records()[-1]
    assert stopped.iteration > 1000
    assert stopped.snapshot is None
    opened = open_run(str(store), "default", run_id)
    epochs = stopped.iteration // opened.iterations_per_epoch + 2
    shorter = {"epochs": epochs, "batch_size": batch_size, "checkpoint_every": 10**9}
    resumed = retrained(options(training=shorter))
    unstopped = retrained(options(training=shorter, model="unstopped"))
    assert unstopped.checkpoint_digest == resumed.checkpoint_digest
    assert resumed.iteration - stopped.iteration == resumed.trained_iterations


def test_run_cancelled_without_a_signal_ends_cancelled(
    corpus: Path,
    store: Path,
    training_started: threading.Event,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A cancellation known only to the server stops the run with a checkpoint, which it names.

    Also after the server has marked the run as crashed.
    """
    monkeypatch.setattr(interruption, "ask_seconds", 0.1)
    named = FlowRunFilter(name={"like_": "retrain cancelled"})
    cancelled = []

    def cancel() -> None:
        training_started.wait(timeout=120)
        with get_client(sync_client=True) as client:
            (run,) = client.read_flow_runs(flow_run_filter=named)
            client.set_flow_run_state(run.id, Crashed())  # as for a run without heartbeats
            while (state := client.read_flow_run(run.id).state) and state.is_crashed():
                time.sleep(0.05)
            client.set_flow_run_state(run.id, Cancelling())
            cancelled.append(run.id)

    thread = threading.Thread(target=copy_context().run, args=(cancel,), daemon=True)
    thread.start()
    endless = ("hidden_size=8", "epochs=100000", "checkpoint_every=1000000000")
    options = [f"--training.{option}" for option in endless]
    names = (f"--corpus={corpus}", f"--store={store}", "--model=cancelled")
    status = entry.run(retrain, [*names, *options])
    thread.join(timeout=60)

    assert 128 + signal.SIGTERM == status
    assert "stopped: run the same command again to go on" in capsys.readouterr().err
    run_id = next((store / "models" / "cancelled" / "runs").iterdir()).name
    last = open_run(str(store), "cancelled", run_id).log.records()[-1].iteration
    assert last > 0
    with get_client(sync_client=True) as client:
        state = client.read_flow_run(cancelled[0]).state
    assert state
    assert state.is_cancelled()
    assert f"stopped at iteration {last}, checkpoint written: run again to go on" == state.message


def test_run_cancelled_after_all_work_is_done_ends_cancelled(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, Prefect would leave such a run in Cancelling for ever."""
    show_page = artifacts.show_page

    def cancel_then_show(
        store: str, result: RetrainResult, picture: bytes, table: pa.Table
    ) -> None:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(UUID(flow_run.get_id()), Cancelling())
        show_page(store, result, picture, table)

    monkeypatch.setattr("flows.tasks.publish_page.show_page", cancel_then_show)

    assert retrain(**options(), return_state=True).is_cancelled()


def test_a_failed_query_of_the_server_does_not_end_the_run(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever answers in place of the server."""

    def answer(_: UUID) -> None:
        raise RuntimeError("no server of Prefect's")

    monkeypatch.setattr(interruption, "_ask", answer)
    monkeypatch.setattr(interruption, "ask_seconds", 0.01)

    assert retrained(options()).iteration


def test_short_works_ask_one_question_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the server takes to answer."""
    asked: list[float] = []
    end = threading.Event()

    def wait_for_answer() -> bool:
        asked.append(time.monotonic())
        end.wait(60)
        return False

    interruption.question_of.cache_clear()
    monkeypatch.setattr(interruption, "is_cancelled", wait_for_answer)
    monkeypatch.setattr(interruption, "ask_seconds", 0.01)

    for _ in range(3):
        finish_when_interrupted(lambda _: time.sleep(0.05))

    end.set()
    assert 1 == len(asked)


def test_a_slow_answer_does_not_delay_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work returns its result even if the server has not answered yet."""
    asked, end, answered = threading.Event(), threading.Event(), threading.Event()

    def answer_slowly() -> bool:
        asked.set()
        end.wait(60)
        answered.set()
        return False

    monkeypatch.setattr(interruption, "is_cancelled", answer_slowly)
    monkeypatch.setattr(interruption, "ask_seconds", 0.01)

    assert finish_when_interrupted(lambda _: asked.wait(60))
    assert not answered.is_set()
    end.set()


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


def test_an_error_of_the_work_is_passed_on_unchanged() -> None:
    """The caller gets the exception that the work raises."""

    def work(_: threading.Event) -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        finish_when_interrupted(work)
