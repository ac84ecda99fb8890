"""A fleet on a real Dask cluster that is killed whole, or stopped by Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.dask_cluster import Cluster, eventually, project, running_cluster
from tests.support.fleets import (
    champions,
    checkpoints,
    command,
    environment,
    fleet,
    names,
)

pytest.importorskip("distributed", reason="needs the extra dask")


def test_a_fleet_whose_cluster_is_killed_goes_on_to_the_same_bytes(
    fleet_cluster: Cluster, models_table: Path, fleet_on_threads: Path, tmp_path: Path
) -> None:
    """Scheduler and workers with SIGKILL, in the middle of the trainings."""
    store = tmp_path / "killed"
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster") as own:
        running = subprocess.Popen(
            command(models_table, store, "--engine", own.address),
            cwd=project,
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        eventually(lambda: sum(checkpoints(store, name) for name in names) > 2, 120)
        for name in ("worker0", "worker1", "scheduler"):
            own.stop(name, signal.SIGKILL)
        _, said = running.communicate(timeout=120)
        assert b"has gone: start it, and run again to go on" in said
    fleet(models_table, store, "--engine", fleet_cluster.address)

    assert champions(store) == champions(fleet_on_threads)


def test_a_fleet_that_is_stopped_leaves_checkpoints(
    fleet_cluster: Cluster, models_table: Path, tmp_path: Path
) -> None:
    """Ctrl-C reaches the workers within seconds, and the next run goes on from what they wrote."""
    content = json.loads(models_table.read_text())
    content["defaults"] = {
        "training": {"hidden_size": 8, "epochs": 100_000, "checkpoint_every": 10**9}
    }
    endless, store = tmp_path / "models.json", tmp_path / "stopped"
    endless.write_text(json.dumps(content))
    running = subprocess.Popen(
        command(endless, store, "--engine", fleet_cluster.address),
        cwd=project,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    eventually(lambda: sum(checkpoints(store, name) for name in names) >= 2, 120)
    time.sleep(2)  # of training
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 128 + signal.SIGINT, said
    stopped = [name for name in names if checkpoints(store, name) > 2]
    assert stopped == [name for name in names if checkpoints(store, name)]
    assert len(stopped) < len(names) - 1, "those that had not begun never do"
