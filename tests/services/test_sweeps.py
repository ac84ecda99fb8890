"""Sweeps as the form asks for them, cancelled in the UI, and killed in the middle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest

from flows.display.artifacts import artifact_key
from flows.storage.checkpoints import CheckpointLog
from flows.storage.stores import open_store
from tests.support.commands import kill, outcome, start
from tests.support.dask_cluster import running_cluster
from tests.support.s3 import happens
from tests.support.site import Site, eventually

options = {"training.hidden_size": [8, 12], "seed": [0, 1]}
small: dict[str, Any] = {
    "training": {"epochs": 4},
    "sampling": {"length": 20},
    "sweep": {"options": options, "rungs": 2, "factor": 2},
}
long = ("--training.hidden_size=8,12", "--seed=0,1", "--epochs=60", "--checkpoint_every=4000")
halved = (*long, "--rungs=2", "--factor=2", "--sampling.length=20")


def trained(store: Path) -> dict[str, dict[int, str]]:
    """Digest of each checkpoint by iteration, by run."""
    opened = open_store(str(store))
    runs = opened.names("models/default/runs")
    logs = {run_id: CheckpointLog(opened, "default", run_id) for run_id in runs}
    return {
        run_id: {record.iteration: record.digest for record in log.records()}
        for run_id, log in logs.items()
    }


def test_a_sweep_requested_in_the_form_completes(site: Site, tmp_path: Path) -> None:
    run = site.finished(site.run("sweep/manual", model="swept", store=str(tmp_path), **small))

    assert ("COMPLETED", "Promoted") == (run["state_type"], run["state"]["name"])
    assert "the best of 4 runs by the held-out blocks of even digest" in run["state"]["message"]
    found = site.filter("artifacts", flow_runs={"id": {"any_": [run["id"]]}})
    pages = {one["key"]: one for one in found}
    kinds = ("model", "progress", "samples", "sweep")
    assert {artifact_key(kind, str(tmp_path), "swept") for kind in kinds} <= set(pages)
    page = site.api.get(f"/artifacts/{pages[artifact_key('sweep', str(tmp_path), 'swept')]['id']}")
    assert "data:image/png;base64," in page.json()["data"]
    (file,) = tmp_path.glob("reports/sweeps/swept/*/*.parquet")
    assert 4 + 2 == pq.read_metadata(file).num_rows


@pytest.mark.parametrize(
    ("sweep", "named"),
    [
        ({"random": 0}, "sweep.random"),
        ({"random": 1001}, "sweep.random"),
        ({"rungs": 0}, "sweep.rungs"),
        ({"factor": 1}, "sweep.factor"),
        ({"options": {"seed": 1}}, "sweep.options.seed"),
        ({"options": {"seed": [{"a": 1}]}}, "sweep.options.seed[0]"),
        ({"option": {}}, "option"),
    ],
)
def test_a_bad_sweep_is_refused_by_name(site: Site, sweep: dict[str, Any], named: str) -> None:
    answer = site.request_run("sweep/manual", sweep=sweep)

    assert httpx.codes.CONFLICT == answer.status_code
    assert f"'{named}'" in answer.json()["detail"]


def test_what_a_schema_cannot_say_fails_before_the_corpus_is_read(
    site: Site, tmp_path: Path
) -> None:
    sweep = {"options": {"training.hidden_size": [8, 0]}}
    run = site.finished(site.run("sweep/manual", store=str(tmp_path / "store"), sweep=sweep))

    assert "FAILED" == run["state_type"]
    assert "training.hidden_size: input should be greater" in run["state"]["message"]
    assert not (tmp_path / "store").exists()


def test_a_cancelled_sweep_stops_and_goes_on(site: Site, tmp_path: Path) -> None:
    asked = {**small, "training": {"epochs": 100_000, "hidden_size": 8}, "store": str(tmp_path)}
    run_id = site.run("sweep/manual", **asked)
    eventually(lambda: sum(len(found) > 1 for found in trained(tmp_path).values()) > 1, within=120)

    cancelling = {"state": {"type": "CANCELLING"}}
    site.api.post(f"/flow_runs/{run_id}/set_state", json=cancelling).raise_for_status()
    run = site.finished(run_id, within=60)

    assert "CANCELLED" == run["state_type"]
    before = {name: max(found, default=0) for name, found in trained(tmp_path).items()}
    assert 2 <= sum(iteration > 0 for iteration in before.values())
    again = site.finished(site.run("sweep/manual", **{**asked, "training": {"epochs": 2}}))
    assert "COMPLETED" == again["state_type"], again["state"]["message"]


def test_a_killed_sweep_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """Killed in the first rung, and once more after some of the second was trained."""
    killed, whole = f"--store={tmp_path / 'killed'}", f"--store={tmp_path / 'whole'}"
    expected = outcome(start(tmp_path, *halved, whole, flow="sweep"))
    ends = {name: max(found) for name, found in trained(tmp_path / "whole").items()}
    first = min(ends.values())

    def is_at(iteration: int) -> bool:
        found = [max(each) for each in trained(tmp_path / "killed").values() if each]
        return any(at > iteration for at in found)

    for iteration in (0, first):
        process = start(tmp_path, *halved, killed, flow="sweep")
        try:
            assert happens(lambda at=iteration: is_at(at), within=120)  # type: ignore[misc]
            assert process.poll() is None
        finally:
            kill(process)
    found = outcome(start(tmp_path, *halved, killed, flow="sweep"))

    assert 0 < found["trained_iterations"] < expected["trained_iterations"]
    same = ("sweep_id", "run_id", "checkpoint_digest", "bits_per_character_even", "reason")
    assert {name: expected[name] for name in same} == {name: found[name] for name in same}
    bytes_of = {name: each[ends[name]] for name, each in trained(tmp_path / "whole").items()}
    assert bytes_of == {
        name: each[ends[name]] for name, each in trained(tmp_path / "killed").items()
    }


def test_dask_workers_train_the_bytes_of_threads(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="needs the extra dask")
    asked = (
        "--training.hidden_size=8,12",
        "--epochs=4",
        "--rungs=2",
        "--factor=2",
        "--sampling.length=20",
    )
    here, there = (f"--store={tmp_path / name}" for name in ("threads", "dask"))
    expected = outcome(start(tmp_path, *asked, here, flow="sweep"))
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster") as cluster:
        found = outcome(start(tmp_path, *asked, there, f"--engine={cluster.address}", flow="sweep"))

    assert trained(tmp_path / "threads") == trained(tmp_path / "dask")
    same = ("sweep_id", "run_id", "trained_iterations", "bits_per_character_even", "reason")
    assert {name: expected[name] for name in same} == {name: found[name] for name in same}
