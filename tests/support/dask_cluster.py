"""A Dask scheduler and two workers on loopback, which tests may kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

project = Path(__file__).parents[2]
patience_seconds = 90


class Cluster:
    """Processes of Dask, each in a group of its own, and their logs in `folder`."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder, self.host = folder, host
        with socket.create_server((host, 0)) as free:
            self.port = free.getsockname()[1]
        self.address = f"tcp://{host}:{self.port}"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start_scheduler(self, **variables: str) -> None:
        """A scheduler that gives a task up when two workers have died of it."""
        failures = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        command = ["scheduler", "--host", self.host, "--port", str(self.port), "--no-dashboard"]
        self._start("scheduler", command, failures | variables)

    def start_worker(self, name: str, cwd: Path = project, **variables: str) -> None:
        """A worker of one thread, whose nanny starts it again when it dies."""
        local = str(self.folder / name)
        command = ["worker", self.address, "--host", self.host, "--nworkers", "1", "--name", name]
        command += ["--nthreads", "1", "--no-dashboard", "--local-directory", local]
        self._start(name, command, {"NUMBA_NUM_THREADS": "1"} | variables, cwd)
        self.wait_for(name)

    def wait_for(self, name: str) -> None:
        """Return when a worker has registered; fail with its log where it does not."""
        deadline = time.monotonic() + patience_seconds
        while "Registered to" not in self.log(name):
            assert time.monotonic() < deadline, self.log(name)
            time.sleep(0.1)

    def log(self, name: str) -> str:
        """What a process has printed."""
        return (self.folder / f"{name}.log").read_text(errors="replace")

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End a process and its children."""
        process = self._processes.pop(name)
        try:
            os.killpg(process.pid, number)
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
        except ProcessLookupError:
            process.wait(20)

    def stop_all(self) -> None:
        """End all, workers first."""
        for name in reversed(list(self._processes)):
            self.stop(name)

    def _start(
        self, name: str, command: list[str], variables: dict[str, str], cwd: Path = project
    ) -> None:
        inherited = {key: value for key, value in os.environ.items() if key != "PREFECT_API_URL"}
        environment = inherited | {"PYTHONPATH": str(project)} | variables
        with (self.folder / f"{name}.log").open("wb") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", "dask", *command],
                cwd=cwd,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def eventually(condition: Callable[[], Any], within: float = 60) -> Any:
    """The first value of `condition` that is true."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@contextmanager
def running_cluster(folder: Path, workers: int = 2, **variables: str) -> Iterator[Cluster]:
    """A cluster, whose scheduler and workers have `variables` in their environment."""
    cluster = Cluster(folder)
    try:
        cluster.start_scheduler(**variables)
        for number in range(workers):
            cluster.start_worker(f"worker{number}", project, **variables)
        yield cluster
    finally:
        cluster.stop_all()
