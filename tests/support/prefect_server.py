"""One Prefect server for all tests of flows in a process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prefect.events.worker import EventsWorker
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

from benchmarks.server import embedded_server

drain_seconds = 10


@pytest.fixture(scope="session", autouse=True)
def prefect_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The one that a command embeds; without heartbeats a flow ends a second sooner."""
    with (
        temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: False}),
        embedded_server(tmp_path_factory.mktemp("prefect")),
    ):
        yield
        EventsWorker.drain_all(timeout=drain_seconds)
