"""`python -m flows.retrain` as users start it, in its own process, which can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support import prefect_home

small = ("--training.hidden_size=8", "--training.epochs=4", "--sampling.length=20")


def start(
    home: Path, *arguments: str, flow: str = "retrain", environment: dict[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a retraining, or another flow, whose Prefect database and cache are under `home`."""
    clean = {key: value for key, value in os.environ.items() if "PREFECT" not in key}
    prefect_home.prepare(home / "prefect")
    places = {"PREFECT_HOME": str(home / "prefect"), "XDG_CACHE_HOME": str(home / "cache")}
    return subprocess.Popen(
        [sys.executable, "-m", f"flows.{flow}", "--json", *arguments],
        env=clean | places | (environment or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def outcome(process: subprocess.Popen[str], within: float = 180) -> dict[str, Any]:
    """The result of a retraining, which must succeed."""
    try:
        printed, errors = process.communicate(timeout=within)
    finally:
        kill(process)
    assert 0 == process.returncode, errors
    found: dict[str, Any] = json.loads(printed.splitlines()[-1])
    return found


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a retraining and the server that it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
