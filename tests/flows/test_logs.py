"""What the lower layers log reaches the log of the run at the Prefect server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import LogFilter, LogFilterFlowRunId
from prefect.client.schemas.objects import Log
from prefect.client.schemas.sorting import FlowRunSort
from prefect.logging.handlers import APILogHandler
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from flows.lifecycle import chunk
from flows.runtime import logs
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.stores import cache_of
from rnncore.kernels.simd import caching
from tests.support.flows import retrained

Options = Callable[..., dict[str, Any]]


def logs_of_the_last_run(text: str) -> list[Log]:
    """What the server keeps of the flow run that started last, with `text` in its message.

    Logs are sent in the background: they may arrive some seconds later.
    """
    deadline = time.monotonic() + 60
    found: list[Log] = []
    while not found and time.monotonic() < deadline:
        APILogHandler().flush()
        with get_client(sync_client=True) as client:
            newest = client.read_flow_runs(sort=FlowRunSort.EXPECTED_START_TIME_DESC, limit=1)[0]
            chosen = LogFilter(flow_run_id=LogFilterFlowRunId(any_=[UUID(str(newest.id))]))
            found = [log for log in client.read_logs(log_filter=chosen) if text in log.message]
    return found


def test_a_corrupt_object_is_reported_in_the_log_of_the_run(options: Options, store: Path) -> None:
    """Once, as a warning, with the task that found it."""
    result = retrained(options())
    payload = next(store.rglob(f"{result.checkpoint_digest}.safetensors"))
    payload.write_bytes(b"")
    cache_of.cache_clear()  # as in a process of its own

    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        retrained(options())
        (warning,) = logs_of_the_last_run("truncated, 0 of")

    assert logging.WARNING == warning.level
    assert "going on from the newest intact checkpoint" in warning.message
    assert warning.task_run_id


def test_a_compilation_is_in_the_log_of_the_run(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever thread of the run it is in."""
    advance = chunk.advance

    def compile_and_advance(*arguments: Any) -> CheckpointRecord:
        caching.say_that_it_compiles()
        return advance(*arguments)

    caching.say_that_it_compiles.cache_clear()  # as in a process of its own
    monkeypatch.setattr(chunk, "advance", compile_and_advance)
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        retrained(options(training={"epochs": 4, "checkpoint_every": 1000}))
        (notice,) = logs_of_the_last_run("compiling the kernels for this processor, once")

    assert logging.INFO == notice.level


def test_outside_of_runs_nothing_is_sent(recwarn: pytest.WarningsRecorder) -> None:
    """A notebook that uses the packages gets no complaint that there is no run."""
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        logging.getLogger("flows.storage").warning("for the standard handlers alone")

    assert [] == list(recwarn)


def test_installing_twice_adds_nothing() -> None:
    """Each message is sent once."""
    before = list(logging.getLogger("flows").handlers)
    logs.install()

    assert before == logging.getLogger("flows").handlers
