"""`make cluster`: what its workers are like, and how it ends."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil
from distributed import Client

from tests.support.cluster import make_cluster


def environment() -> dict[str, str]:
    """That of the process which is asked."""
    return dict(os.environ)


def running(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that have not ended; a zombie has, though init has not noticed yet."""
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def test_workers_share_the_cores_and_belong_to_no_prefect_server() -> None:
    """One thread each; a flow's settings come with its tasks."""
    variables = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "NUMBA_NUM_THREADS": "3"}
    with make_cluster(**variables) as cluster, Client(cluster.address, timeout=60) as client:
        workers = client.scheduler_info()["workers"].values()
        environments = list(client.run(environment).values())

    assert [1, 1] == [worker["nthreads"] for worker in workers]
    assert f"python -m flows.retrain --engine {cluster.address}" in cluster.said[-1]
    for found in environments:
        assert "PREFECT_API_URL" not in found
        assert "3" == found["NUMBA_NUM_THREADS"]


def test_ctrl_c_ends_scheduler_and_workers(tmp_path: Path) -> None:
    """No process is left, nor a file of theirs, and none of them complains."""
    with make_cluster(TMPDIR=str(tmp_path)) as cluster:
        processes = psutil.Process(cluster.process.pid).children(recursive=True)
        assert any("rnn-cluster" in path.name for path in tmp_path.iterdir())

        said = cluster.interrupt()

    assert len(processes) > 3
    assert not running(processes)
    assert not [path for path in tmp_path.iterdir() if "rnn-cluster" in path.name]
    assert "Traceback" not in said


def test_workers_end_with_their_scheduler() -> None:
    """One sentence says which part has ended."""
    with make_cluster() as cluster:
        processes = psutil.Process(cluster.process.pid).children(recursive=True)
        (scheduler,) = (each for each in processes if "scheduler" in each.cmdline())
        scheduler.send_signal(signal.SIGKILL)
        said, _ = cluster.process.communicate(timeout=90)

    assert "error: `dask scheduler` ended with status -9: start the cluster again" in said
    assert not running(processes)
