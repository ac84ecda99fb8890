"""The Prefect server that a run uses, and what an embedded one does not need."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prefect.settings import (
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    get_current_settings,
    temporary_settings,
)


def server_url() -> str | None:
    """URL of its API; None where an embedded server is started for the run."""
    return get_current_settings().api.url


@contextmanager
def suited_to_server() -> Iterator[None]:
    """Settings of a run. Under an embedded server it sends no heartbeats: nobody looks for them,
    and each flow would wait up to a second at its end for the thread that sends them.
    """
    if server_url():
        yield
        return
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        yield
