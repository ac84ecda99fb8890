"""One Prefect server for all tests of flows in a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prefect.events.worker import EventsWorker
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from flows.runtime.embedded import EmbeddedServer

patience_seconds = 300


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One embedded server for all of a process; without heartbeats a flow ends a second sooner."""
    settings = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None, PREFECT_LOGGING_TO_API_ENABLED: False}
    with temporary_settings(settings), embedded_server(tmp_path_factory.mktemp("prefect")):
        yield


@contextmanager
def embedded_server(folder: Path) -> Iterator[str]:
    """The URL of the API of an embedded server with a new database, which flows use meanwhile."""
    with pytest.MonkeyPatch.context() as patched:
        database = f"sqlite+aiosqlite:///{folder / 'prefect.db'}"
        patched.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", database)
        server = EmbeddedServer()
    server.serve()
    httpx.get(f"{server.url}/health", timeout=patience_seconds).raise_for_status()
    with temporary_settings({PREFECT_API_URL: server.url}):
        yield server.url
        EventsWorker.drain_all(timeout=10)
    server.stop()
