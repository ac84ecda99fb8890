"""The Prefect server that a run uses, and one that stays."""

from __future__ import annotations

import signal
import sys

from prefect.settings import get_current_settings

from flows.runtime import embedded
from flows.runtime.sqlite import begin_at_once


def server_url() -> str | None:
    """URL of its API; None where it is an embedded server, of this run alone."""
    url = get_current_settings().api.url
    return None if url in embedded.serving else url


def main() -> None:
    """Serve Prefect's API and UI, as `prefect server start` does, on a database that may be SQLite."""
    from prefect.cli import app

    for number in (signal.SIGINT, signal.SIGTERM):  # it has handlers of its own
        signal.signal(number, signal.default_int_handler)
    begin_at_once()
    sys.argv[:1] = ["prefect", "server", "start"]
    app()
