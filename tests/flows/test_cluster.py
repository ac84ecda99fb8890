"""What `python -m flows.cluster` refuses, in one sentence."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from flows.runtime.cluster import cores, environment_of

without_the_extra = """
import sys
sys.modules["distributed"] = None
from flows.runtime.cluster import main
main()
"""


def refusal(*command: str) -> str:
    """What a cluster that does not start says."""
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=120
    )
    assert 1 == done.returncode
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("--port=0", "--port is 0: give a number from 1 to 65535"),
        ("--port=65536", "--port is 65536"),
        ("--workers=0", "--workers is 0: give a number from 1 to 256"),
        ("--workers=-1", "--workers is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(option: str, expected: str) -> None:
    assert f"error: {expected}" in refusal("-m", "flows.cluster", option)


def test_the_missing_extra_is_named() -> None:
    assert "pip install -e '.[dask]'" in refusal("-c", without_the_extra)


def test_a_port_that_is_taken_is_named() -> None:
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"127.0.0.1:{port} (Address already in use)" in refusal(
            "-m", "flows.cluster", f"--port={port}"
        )


@pytest.mark.parametrize(
    ("workers", "threads"), [(1, cores()), (cores(), 1), (cores() + 1, 1), (256, 1)]
)
def test_workers_share_the_cores(workers: int, threads: int) -> None:
    """At least one thread each; what the user has set stays."""
    assert str(threads) == environment_of({}, workers)["NUMBA_NUM_THREADS"]
    assert "7" == environment_of({"NUMBA_NUM_THREADS": "7"}, workers)["NUMBA_NUM_THREADS"]


def test_workers_belong_to_no_prefect_server() -> None:
    """The settings of a flow come with its tasks; a variable would send reports elsewhere."""
    given = os.environ | {"PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    assert "PREFECT_API_URL" not in environment_of(given, 2)
