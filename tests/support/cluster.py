"""A Dask cluster on loopback, started as the README says."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

root = Path(__file__).parents[2]


class Cluster(NamedTuple):
    """What `make cluster` started."""

    process: subprocess.Popen[str]
    address: str
    said: list[str]  # its lines until it was ready

    def interrupt(self) -> str:
        """Press Ctrl-C, as a terminal does for all of the command; what was said until its end."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.communicate(timeout=90)[0]


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@contextmanager
def make_cluster(**variables: str) -> Iterator[Cluster]:
    """`make cluster` with variables of the environment, from its line that says what to do next."""
    port = free_port()
    old = (f"--old-file=.venv/{name}" for name in ("runtime", "dask"))
    binaries = Path(sys.executable).parent
    process = subprocess.Popen(
        ["make", "--silent", *old, f"BIN={binaries}", f"CLUSTER_PORT={port}", "cluster"],
        cwd=root,
        env=os.environ | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout
        said = []
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("ready"):
                break
        yield Cluster(process, f"tcp://127.0.0.1:{port}", said)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=90)
