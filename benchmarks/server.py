"""Prefect's server of a benchmark, on a database of its own: the one that a command embeds."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import httpx
from prefect.settings import PREFECT_API_URL, PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.runtime.embedded import EmbeddedServer, serving

patience_seconds = 300


@contextmanager
def embedded_server(folder: Path) -> Iterator[str]:
    """The URL of its API, which flows use meanwhile; its database is new, in `folder`."""
    database = f"sqlite+aiosqlite:///{folder / 'prefect.db'}"
    with patch.dict(os.environ, PREFECT_SERVER_DATABASE_CONNECTION_URL=database):
        server = EmbeddedServer()
    try:
        server.serve()
        serving.discard(server.url)  # it is used as one that stays
        httpx.get(f"{server.url}/health", timeout=patience_seconds).raise_for_status()
        settings = {PREFECT_API_URL: server.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
        with temporary_settings(settings):
            yield server.url
    finally:
        serving.add(server.url)
        server.stop()
