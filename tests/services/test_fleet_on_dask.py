"""A fleet on a real Dask cluster: the same bytes as with threads, whatever dies in the middle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.storage.checkpoints import CheckpointLog
from flows.storage.registry import Registry
from flows.storage.stores import open_store
from tests.support.dask_cluster import Cluster, project, running_cluster

pytest.importorskip("distributed", reason="needs the extra dask")

names = [f"customer-{number}" for number in range(6)]
network = {"hidden_size": 8, "epochs": 40}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose workers tests kill; their nannies start them again."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models with texts of their own; the text of one is missing."""
    tmp_path = tmp_path_factory.mktemp("texts")
    for number, name in enumerate(names):
        (tmp_path / f"{name}.txt").write_text(f"{number} bottles of water on the wall.\n" * 150)
    (tmp_path / f"{names[3]}.txt").unlink()
    rows = [{"model": name, "corpus": str(tmp_path / f"{name}.txt")} for name in names]
    written = {"defaults": {"training": network}, "models": rows}
    (tmp_path / "models.json").write_text(json.dumps(written))
    return tmp_path / "models.json"


@pytest.fixture(scope="module")
def on_threads(table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the same fleet, on threads."""
    store = tmp_path_factory.mktemp("threads") / "store"
    fleet(table, store, "--engine", "threads:2")
    return store


def command(table: Path, store: Path, *options: str) -> list[str]:
    """The command of a fleet, which succeeds though a model fails."""
    given = ["--models", str(table), "--store", str(store), "--minimum_success", "0.8", "--json"]
    return [sys.executable, "-m", "flows.fleet", *given, *options]


def environment(tmp_path: Path) -> dict[str, str]:
    """That of the tests, with a home of Prefect's and an embedded server."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PREFECT_")}
    return kept | {"PREFECT_HOME": str(tmp_path / "prefect")}


def fleet(table: Path, store: Path, *options: str) -> dict[str, Any]:
    """The result of a fleet as a command."""
    done = subprocess.run(
        command(table, store, *options),
        cwd=project,
        env=environment(store.parent),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def champions(store: Path) -> dict[str, tuple[int, str]]:
    """Iteration and digest of the champion of each model that has one."""
    found = {}
    for name in names:
        if champion := Registry(open_store(str(store)), name).champion():
            found[name] = champion.record.iteration, champion.record.digest
    return found


def checkpoints(store: Path, name: str) -> int:
    """How many checkpoints a model has."""
    opened = open_store(str(store))
    runs = store / "models" / name / "runs"
    return sum(len(CheckpointLog(opened, name, run.name).records()) for run in runs.glob("*"))


def eventually(condition: Callable[[], Any], within: float = 120) -> Any:
    """The first value of `condition` that is true."""
    deadline = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_dask_gives_the_bytes_of_threads_and_one_failure_stops_no_other(
    cluster: Cluster, table: Path, on_threads: Path, tmp_path: Path
) -> None:
    """A second night on either engine finds nothing to do."""
    on_dask = fleet(table, tmp_path / "dask", "--engine", cluster.address)

    assert champions(tmp_path / "dask") == champions(on_threads)
    assert set(champions(tmp_path / "dask")) == {*names} - {names[3]}
    assert (on_dask["models"], on_dask["failed"]) == (6, 1)

    again = fleet(table, tmp_path / "dask", "--engine", "threads:2")
    assert (again["unchanged"], again["failed"]) == (5, 1)
    on_dask_again = fleet(table, on_threads, "--engine", cluster.address)
    assert (on_dask_again["unchanged"], on_dask_again["failed"]) == (5, 1)


@pytest.mark.parametrize("killed", ["flow", "cluster"])
def test_a_fleet_that_is_killed_goes_on_to_the_same_bytes(
    cluster: Cluster, table: Path, on_threads: Path, tmp_path: Path, killed: str
) -> None:
    """The flow's process, or scheduler and workers, with SIGKILL in the middle of the trainings."""
    store = tmp_path / "killed"
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster") as own:
        running = subprocess.Popen(
            command(table, store, "--engine", own.address),
            cwd=project,
            env=environment(tmp_path),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        eventually(lambda: sum(checkpoints(store, name) for name in names) > 2)
        if killed == "flow":
            running.kill()
        else:
            for name in ("worker0", "worker1", "scheduler"):
                own.stop(name, signal.SIGKILL)
        _, said = running.communicate(timeout=120)
        assert running.returncode
        assert killed == "flow" or b"has gone: start it, and run again to go on" in said
    fleet(table, store, "--engine", cluster.address)

    assert champions(store) == champions(on_threads)


def test_a_fleet_that_is_stopped_leaves_checkpoints(
    cluster: Cluster, table: Path, tmp_path: Path
) -> None:
    """Ctrl-C reaches the workers within seconds, and the next run goes on from what they wrote."""
    content = json.loads(table.read_text())
    content["defaults"] = {
        "training": {"hidden_size": 8, "epochs": 100_000, "checkpoint_every": 10**9}
    }
    endless, store = tmp_path / "models.json", tmp_path / "stopped"
    endless.write_text(json.dumps(content))
    running = subprocess.Popen(
        command(endless, store, "--engine", cluster.address),
        cwd=project,
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    eventually(lambda: sum(checkpoints(store, name) for name in names) >= 2)
    time.sleep(2)  # of training
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 128 + signal.SIGINT, said
    stopped = [name for name in names if checkpoints(store, name) > 2]
    assert stopped == [name for name in names if checkpoints(store, name)]
    assert len(stopped) < len(names) - 1, "those that had not begun never do"
