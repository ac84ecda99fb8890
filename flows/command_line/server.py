"""The Prefect server of a run: connected beforehand, to say in one sentence what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
from prefect.context import SyncClientContext
from prefect.settings import get_current_settings

from flows.exceptions import ServerUnavailable
from flows.runtime.server import server_url
from flows.storage.urls import public_text, public_url


@contextmanager
def prefect_server() -> Iterator[None]:
    """The connection that the flow will use; `ServerUnavailable` where there is none."""
    with ExitStack() as held:
        try:
            held.enter_context(SyncClientContext.get_or_create())
        except (RuntimeError, httpx.HTTPError) as error:
            raise ServerUnavailable(_describe(error)) from error
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
