"""The Prefect server of a run: connected beforehand, to say in one sentence what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
from prefect.client.base import ServerType, determine_server_type
from prefect.context import SyncClientContext
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)

from flows.exceptions import ServerUnavailable
from flows.reporting.curve import load_matplotlib
from flows.runtime.embedded import EmbeddedServer
from flows.runtime.server import server_url
from flows.storage.urls import public_text, public_url
from rnncore.folders import is_writable


@contextmanager
def prefect_server(embedded: EmbeddedServer | None) -> Iterator[None]:
    """The connection that the flow will use; `ServerUnavailable` where there is none.

    It is to `embedded`, which may be loading already, where Prefect's settings name no server.
    """
    with ExitStack() as held:
        try:
            if determine_server_type() is ServerType.EPHEMERAL:
                held.enter_context(_serving(embedded or EmbeddedServer()))
            elif embedded:
                embedded.stop()  # a profile or prefect.toml names another
            held.enter_context(SyncClientContext.get_or_create())
        except (RuntimeError, OSError, httpx.HTTPError, httpx.InvalidURL) as error:
            raise ServerUnavailable(_describe(error)) from error
        yield


@contextmanager
def _serving(server: EmbeddedServer) -> Iterator[None]:
    """Prefect's settings for a run under `server`, when it is ready.

    Without heartbeats, which only an automation of a server that stays would look at.
    """
    if not is_writable(home := get_current_settings().home):
        raise ServerUnavailable(
            f"Prefect's folder {home} cannot be written: set PREFECT_HOME to a folder for the"
            " embedded server's database, or PREFECT_API_URL to the URL of a server"
        )
    server.serve()
    load_matplotlib()  # the server takes a second longer than our own imports
    patience = get_current_settings().server.ephemeral.startup_timeout_seconds
    httpx.get(f"{server.url}/health", timeout=patience).raise_for_status()
    with temporary_settings({PREFECT_API_URL: server.url, PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield


def _describe(error: Exception) -> str:
    if not (url := server_url()):
        return (
            f"Prefect's embedded server did not start ({error}): check that"
            f" {get_current_settings().home} can be written, and run again"
        )
    if isinstance(error, httpx.HTTPStatusError):
        return f"the server at {public_url(url)} requires a password: set PREFECT_API_AUTH_STRING"
    return (
        f"cannot reach the Prefect server ({public_text(str(error))}): start it, or unset"
        " PREFECT_API_URL to run under an embedded one"
    )
