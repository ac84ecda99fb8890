"""A Dask cluster on this machine alone: a scheduler and workers, which end together."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import NoReturn

host = "127.0.0.1"
most_workers = 256
patience_seconds = 15  # for a process to end
start_seconds = 120  # for all workers to be there
rehearsal = "from flows.lifecycle.rehearsal import rehearse; rehearse()"


def main() -> NoReturn:
    """Start a scheduler and workers, say what to type next, and keep them until a signal."""
    options = read_options()
    check_possible(options.port)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as for a job in the background
            signal.signal(number, _end)
    address = f"tcp://{host}:{options.port}"
    # Dask reads its configuration from the environment too, here and in the processes.
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "warning")
    environment = environment_of(os.environ, options.workers)
    with TemporaryDirectory(prefix="rnn-cluster-") as folder, ExitStack() as running:
        say("preparing the compiled kernels …")
        warm = running.enter_context(child("-c", rehearsal, environment=without_lists(environment)))
        if warm.wait():
            say("the kernels could not be prepared: each worker compiles its own")
        parts = {
            name: running.enter_context(
                child("-m", "dask", name, *arguments, environment=environment)
            )
            for name, arguments in commands(options, address, folder).items()
        }
        wait_for_workers(address, options.workers, parts)
        say(f"ready, {options.workers} workers: python -m flows.retrain --engine {address}")
        while True:
            check_running(parts)
            time.sleep(1)


def read_options() -> argparse.Namespace:
    """Port and number of workers."""
    parser = argparse.ArgumentParser("python -m flows.cluster", description=__doc__)
    parser.add_argument("--port", type=int, default=8786, help="of the scheduler (8786)")
    parser.add_argument("--workers", type=int, default=2, help="processes, of one thread each (2)")
    options = parser.parse_args()
    for name, most in (("port", 65_535), ("workers", most_workers)):
        if not 1 <= (given := getattr(options, name)) <= most:
            sys.exit(f"error: --{name} is {given}: give a number from 1 to {most}")
    return options


def check_possible(port: int) -> None:
    """End with one sentence where a cluster cannot be started."""
    if find_spec("distributed") is None:
        sys.exit("error: a cluster needs the extra dask: pip install -e '.[dask]'")
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        sys.exit(
            f"error: the scheduler cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}):"
            " end what does, or choose another with --port (make cluster CLUSTER_PORT=…)"
        )


def environment_of(given: Mapping[str, str], workers: int) -> dict[str, str]:
    """The environment of scheduler and workers: the cores are shared between the workers.

    Without PREFECT_API_URL: a flow's settings travel with each task, and a variable of the worker
    that names another server would send what the tasks report there.
    """
    kept = {name: value for name, value in given.items() if name != "PREFECT_API_URL"}
    return {"NUMBA_NUM_THREADS": str(max(1, cores() // workers))} | kept


def without_lists(environment: Mapping[str, str]) -> dict[str, str]:
    """For the rehearsal, whose store is a temporary folder and on nobody's list."""
    return {name: value for name, value in environment.items() if name != "RNN_STORE_ALLOW"}


def cores() -> int:
    """The processors that this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def commands(options: argparse.Namespace, address: str, folder: str) -> dict[str, list[str]]:
    """Arguments of `dask scheduler`, and of `dask worker` for all workers."""
    # Without a dashboard there still is a page that says `ok`: on loopback, at any free port.
    shared = ["--host", host, "--no-dashboard", "--dashboard-address", f"{host}:0"]
    # Each worker's part of the memory; Dask's own choice is a core's.
    memory = f"{1 / options.workers:.4f}"
    return {
        "scheduler": [*shared, "--port", str(options.port)],
        "worker": [
            *(address, *shared, "--nworkers", str(options.workers), "--nthreads", "1"),
            *("--memory-limit", memory, "--local-directory", folder),
        ],
    }


@contextmanager
def child(*arguments: str, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of a group of its own, since Ctrl-C is for this one; ended at the end."""
    process = subprocess.Popen(  # noqa: S603 - a fixed command
        [sys.executable, *arguments], env=dict(environment), process_group=0
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def wait_for_workers(
    address: str, workers: int, parts: Mapping[str, subprocess.Popen[bytes]]
) -> None:
    """Return when all workers have reached the scheduler."""
    from distributed import Client

    deadline = time.monotonic() + start_seconds
    while time.monotonic() < deadline:
        check_running(parts)
        with suppress(OSError), Client(address, timeout=2, set_as_default=False) as client:
            client.wait_for_workers(workers, timeout=2)
            return
    sys.exit(f"error: {workers} workers are not there after {start_seconds} s: start fewer")


def check_running(parts: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """End with one sentence if scheduler or workers have ended."""
    for name, process in parts.items():
        if (status := process.poll()) is not None:
            sys.exit(f"error: `dask {name}` ended with status {status}: start the cluster again")


def say(message: str) -> None:
    """Print one line at once."""
    print(message, flush=True)


def _end(number: int, _: object) -> NoReturn:
    signal.signal(number, signal.SIG_IGN)  # once: what follows ends the processes
    sys.exit(128 + number)
