"""A real Prefect server on loopback with worker and deployments, started as the README says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from flows.exceptions import UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, newest_run
from flows.storage.stores import open_store
from tests.support import prefect_home

root = Path(__file__).parents[2]
linked = ("Makefile", "prefect.toml", "prefect.yaml", "flows", "rnncore", "data/corpus")
final_states = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
timeout_factor = 3  # for all timeouts: these tests run in parallel on few cores
small = {"training": {"hidden_size": 8, "epochs": 1}, "sampling": {"length": 20}}


Result = TypeVar("Result")


class RetryingTransport(httpx.HTTPTransport):
    """Repeats requests that get 503 because SQLite is busy, as Prefect's own client does."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(10):
            response = super().handle_request(request)
            if response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            time.sleep(1)
        return response


class Site:
    """A folder like a clone of the repository, with its own server, worker and store."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.project = folder / "project"
        for name in linked:
            (self.project / name).parent.mkdir(parents=True, exist_ok=True)
            (self.project / name).symlink_to(root / name)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        clean = {key: value for key, value in os.environ.items() if "PREFECT" not in key}
        self.environment = clean | {
            "PREFECT_HOME": str(folder / "home"),
            "PREFECT_SERVER_API_PORT": str(port),
            **settings,
        }
        if "PREFECT_API_DATABASE_CONNECTION_URL" not in settings:
            prefect_home.prepare(folder / "home")
        password = settings.get("PREFECT_API_AUTH_STRING", ":").partition(":")
        auth = (password[0], password[2]) if password[0] else None
        self.api = httpx.Client(
            base_url=f"{self.url}/api",
            auth=auth,
            timeout=90,  # a busy SQLite may block the server for a minute
            transport=RetryingTransport(),
        )
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def make(self, target: str) -> list[str]:
        """The command `make TARGET`, with the Python of these tests in place of .venv."""
        programs = Path(sys.executable).parent
        return ["make", "--old-file=.venv/runtime", f"BIN={programs}", target]

    def start(self, target: str) -> None:
        """Start `make server` or `make worker` in the background."""
        with (self.project / f"{target}.log").open("ab") as log:
            self._running[target] = subprocess.Popen(
                self.make(target),
                cwd=self.project,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if target == "server":
            eventually(self.is_healthy, within=120)

    def stop(self, target: str) -> None:
        """Stop what `start` started, with SIGTERM."""
        process = self._running.pop(target)
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=timeout_factor * 60)

    def kill(self, target: str) -> None:
        """Kill what `start` started, with all child processes, as a power loss does."""
        process = self._running.pop(target)
        for number in process_tree(process.pid):
            os.kill(number, signal.SIGKILL)
        process.wait(timeout=60)

    def deploy(self, **settings: str) -> str:
        """Run `make deploy`; its output."""
        return subprocess.run(
            self.make("deploy"),
            cwd=self.project,
            env=self.environment | settings,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        ).stdout

    def close(self) -> None:
        """Stop everything."""
        for target in reversed(list(self._running)):
            self.kill(target)
        self.api.close()

    def is_healthy(self) -> bool:
        """Whether the server answers."""
        with suppress(httpx.TransportError):
            return self.api.get("/health").is_success
        return False

    def deployment(self, name: str) -> dict[str, Any]:
        """The deployment called `flow/name`."""
        found: dict[str, Any] = self.api.get(f"/deployments/name/{name}").raise_for_status().json()
        return found

    def request_run(self, name: str, **parameters: Any) -> httpx.Response:
        """Request a run of a deployment, as the UI's form does."""
        return self.api.post(
            f"/deployments/{self.deployment(name)['id']}/create_flow_run",
            json={"state": {"type": "SCHEDULED"}, "parameters": parameters},
        )

    def run(self, name: str, **parameters: Any) -> str:
        """Request a run, which must be accepted; its id."""
        return str(self.request_run(name, **parameters).raise_for_status().json()["id"])

    def flow_run(self, run_id: str) -> dict[str, Any]:
        """A flow run, read from the server."""
        found: dict[str, Any] = self.api.get(f"/flow_runs/{run_id}").json()
        return found

    def finished(self, run_id: str, within: float = 90) -> dict[str, Any]:
        """Wait until a flow run has ended; the flow run."""

        def ended() -> dict[str, Any] | None:
            run = self.flow_run(run_id)
            return run if run["state_type"] in final_states else None

        return eventually(ended, within=within)

    def filter(self, kind: str, **filters: Any) -> list[dict[str, Any]]:
        """All objects of a kind, such as flow_runs, that match the filters."""
        found: list[dict[str, Any]] = self.api.post(f"/{kind}/filter", json=filters).json()
        return found

    def runs_of(self, name: str) -> list[dict[str, Any]]:
        """The flow runs of a deployment."""
        chosen = {"id": {"any_": [self.deployment(name)["id"]]}}
        return self.filter("flow_runs", deployments=chosen)


def process_tree(process: int) -> list[int]:
    """A process and its descendants."""
    command = ["ps", "-o", "pid=", "--ppid", str(process)]
    children = subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()
    return [process, *(member for child in children for member in process_tree(int(child)))]


def eventually(condition: Callable[[], Result | None], within: float) -> Result:
    """The first true result of `condition`, which is called every half second."""
    deadline = time.monotonic() + timeout_factor * within
    while time.monotonic() < deadline:
        if result := condition():
            return result
        time.sleep(0.5)
    pytest.fail(f"timed out after {timeout_factor * within} seconds: {condition.__qualname__}")


password = "keeper:lamp"


def started(folder: Path, **settings: str) -> Iterator[Site]:
    """A site with server, deployments and worker; closed when the fixture ends."""
    site = Site(folder, **settings)
    try:
        site.start("server")
        site.deploy()
        site.start("worker")
        yield site
    finally:
        site.close()


def checkpoints(store: Path, model: str) -> list[CheckpointRecord]:
    """The checkpoints of the model's newest run, oldest first; empty if there is no run yet."""
    target = open_store(str(store))
    with suppress(UnknownObject):
        return CheckpointLog(target, model, newest_run(target, model)).records()
    return []
