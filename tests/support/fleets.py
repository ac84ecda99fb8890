"""Fleets as commands, on a Dask cluster or on threads, and what they leave in a store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.storage.checkpoints import CheckpointLog
from flows.storage.registry import Registry
from flows.storage.stores import open_store
from tests.support.dask_cluster import Cluster, project, running_cluster

names = [f"customer-{number}" for number in range(6)]
network = {"hidden_size": 8, "epochs": 40}


@pytest.fixture(scope="module")
def fleet_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose workers tests kill; their nannies start them again."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def models_table(tmp_path_factory: pytest.TempPathFactory) -> Path:
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
def fleet_on_threads(models_table: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of the same fleet, on threads."""
    store = tmp_path_factory.mktemp("threads") / "store"
    fleet(models_table, store, "--engine", "threads:2")
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
