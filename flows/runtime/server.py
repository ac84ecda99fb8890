"""The Prefect server that a run uses."""

from __future__ import annotations

from prefect.settings import get_current_settings


def server_url() -> str | None:
    """URL of its API; None where an embedded server is started for the run."""
    return get_current_settings().api.url
