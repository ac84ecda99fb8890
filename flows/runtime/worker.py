"""A worker: Prefect's own, once the server has answered, so that a refusal is one sentence."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from flows.runtime.automations import work_pool
from flows.runtime.deployment import prepare_work_pool, server_client
from flows.storage import boundary


def main() -> NoReturn:
    """Become a worker that runs what the server at PREFECT_API_URL schedules.

    Arguments are those of `prefect worker start`, such as `--limit 8`.
    """
    with server_client() as client:
        prepare_work_pool(client)
    for warning in boundary.warnings():
        print(warning, flush=True)
    command = ["-m", "prefect", "worker", "start", "--pool", work_pool, "--type", "process"]
    os.execv(sys.executable, [sys.executable, *command, *sys.argv[1:]])  # noqa: S606 - a fixed command
