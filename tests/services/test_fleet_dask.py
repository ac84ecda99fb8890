"""A fleet on a real Dask cluster: the same bytes as on threads, and what fails is told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from flows.fleet import fleet
from flows.fleet_result import FleetResult
from flows.storage import Registry, open_store
from tests.support.dask_cluster import Cluster, running_cluster
from tests.support.prefect_server import prefect_server  # noqa: F401 - a fixture

pytest.importorskip("distributed", reason="needs the extra dask")
models = ("a", "b", "c")
line = "the keeper of {} lit the lamp and the tide came in, said the baker of boat {}.\n"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


def table(folder: Path) -> str:
    """Three small models, and one whose corpus is not there."""
    rows: list[dict[str, Any]] = [{"model": "bad", "corpus": str(folder / "none.txt")}]
    for model in models:
        corpus = folder / f"{model}.txt"
        corpus.write_text("".join(line.format(model, number % 97) for number in range(60)))
        rows.append({"model": model, "corpus": str(corpus)})
    shared = {"training": {"hidden_size": 8, "epochs": 1}, "sampling": {"length": 20}}
    file = folder / "models.json"
    file.write_text(json.dumps({"defaults": shared, "models": rows}))
    return str(file)


def found(models: str, store: Path, engine: str) -> FleetResult:
    result = fleet(models=models, store=str(store), engine=engine, minimum_success=0.5)
    return cast("FleetResult", result)


def digests(store: Path) -> dict[str, str]:
    return {
        model: Registry(open_store(str(store)), model).history().entries[0].version.digest
        for model in models
    }


def test_a_cluster_gives_the_bytes_of_threads(cluster: Cluster, tmp_path: Path) -> None:
    """And tells in the same words which model failed; the second night finds the rest unchanged."""
    path, there, here = table(tmp_path), tmp_path / "there", tmp_path / "here"
    first, again = found(path, there, cluster.address), found(path, there, cluster.address)
    alone = found(path, here, "threads:1")

    assert (3, 1) == (first.promoted, first.failed)
    assert (3, 1) == (again.unchanged, again.failed)
    assert first.failures == alone.failures
    assert digests(there) == digests(here)
    newest = max((there / "reports/fleet").rglob("*.parquet"))
    (bad,) = (row for row in pq.read_table(newest).to_pylist() if row["model"] == "bad")
    assert "none.txt does not exist" in bad["error"]
    assert bad["flow_run_id"]
    assert os.path.isabs(first.outcomes_url)  # noqa: PTH117 - a path or a URL
