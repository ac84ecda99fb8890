"""A fleet on a real Dask cluster: the same bytes as with threads, though its flow is killed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.dask_cluster import Cluster, eventually, project
from tests.support.fleets import (
    champions,
    checkpoints,
    command,
    environment,
    fleet,
    names,
)
from tests.support.outcome_files import newest_outcomes

pytest.importorskip("distributed", reason="needs the extra dask")


def test_dask_gives_the_bytes_of_threads_and_one_failure_stops_no_other(
    fleet_cluster: Cluster, models_table: Path, fleet_on_threads: Path, tmp_path: Path
) -> None:
    """A second night on either engine finds nothing to do."""
    on_dask = fleet(models_table, tmp_path / "dask", "--engine", fleet_cluster.address)

    assert champions(tmp_path / "dask") == champions(fleet_on_threads)
    assert set(champions(tmp_path / "dask")) == {*names} - {names[3]}
    assert (on_dask["models"], on_dask["failed"]) == (6, 1)
    (failed,) = (row for row in newest_outcomes(tmp_path / "dask") if row["outcome"] == "failed")
    assert (failed["model"], bool(failed["flow_run_id"])) == (names[3], True)
    assert f"{names[3]}.txt does not exist" in failed["error"]

    again = fleet(models_table, tmp_path / "dask", "--engine", "threads:2")
    assert (again["unchanged"], again["failed"]) == (5, 1)
    on_dask_again = fleet(models_table, fleet_on_threads, "--engine", fleet_cluster.address)
    assert (on_dask_again["unchanged"], on_dask_again["failed"]) == (5, 1)


def test_a_fleet_whose_flow_is_killed_goes_on_to_the_same_bytes(
    fleet_cluster: Cluster, models_table: Path, fleet_on_threads: Path, tmp_path: Path
) -> None:
    """With SIGKILL in the middle of the trainings, which workers may still be at."""
    store = tmp_path / "killed"
    running = subprocess.Popen(
        command(models_table, store, "--engine", fleet_cluster.address),
        cwd=project,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    eventually(lambda: sum(checkpoints(store, name) for name in names) > 2, 120)
    running.kill()
    assert running.wait()
    fleet(models_table, store, "--engine", fleet_cluster.address)

    assert champions(store) == champions(fleet_on_threads)
