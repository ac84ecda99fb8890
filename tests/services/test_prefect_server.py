"""A retraining under a real Prefect server, started on loopback."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Variables that point at a server of this test's own."""
    home = tmp_path_factory.mktemp("prefect")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/api"
    settings = {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_API_URL": url,
    }
    variables = {key: value for key, value in os.environ.items() if "PREFECT" not in key} | settings
    with (home / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "prefect", "server", "start"],
            env=variables,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            wait_until_healthy(f"{url}/health", server)
            yield variables
        finally:
            server.terminate()
            server.wait(timeout=30)


def wait_until_healthy(url: str, server: subprocess.Popen[bytes]) -> None:
    """Return when the server answers; fail if it ends or takes two minutes."""
    for _ in range(240):
        assert server.poll() is None, "the server ended at its start"
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    pytest.fail("the server did not answer within two minutes")


def test_run_is_recorded_by_the_server(environment: dict[str, str], tmp_path: Path) -> None:
    """A command with PREFECT_API_URL set runs there: completed, with tasks and artifacts."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "flows.retrain", "--json", f"--store={tmp_path}/store"),
            *("--model=served", "--training.epochs=2", "--training.checkpoint_every=3000"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert 0 == done.returncode, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])

    api = environment["PREFECT_API_URL"]
    runs = httpx.post(f"{api}/flow_runs/filter", json={}).json()
    tasks = httpx.post(f"{api}/task_runs/filter", json={}).json()
    artifacts = httpx.post(f"{api}/artifacts/filter", json={}).json()
    assert [("retrain-served", "COMPLETED")] == [(run["name"], run["state_type"]) for run in runs]
    names = [task["name"].rpartition("-")[0] for task in tasks]
    assert -(-outcome["iteration"] // 3000) == names.count("train_chunk")
    assert {"retrain-served", "progress-served", "samples-served"} == {a["key"] for a in artifacts}
