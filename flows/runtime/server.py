"""The Prefect server that a run uses."""

from __future__ import annotations

from prefect.settings import get_current_settings

from flows.runtime import embedded


def server_url() -> str | None:
    """URL of its API; None where it is an embedded server, of this run alone."""
    url = get_current_settings().api.url
    return None if url in embedded.serving else url
