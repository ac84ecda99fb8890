"""A retraining from the command line, under a real Prefect server."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

from flows.display.artifacts import artifact_key
from tests.support.site import Site


def test_run_is_recorded_by_the_server(site: Site, tmp_path: Path) -> None:
    """A command with PREFECT_API_URL set runs there: completed, with tasks and artifacts."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "flows.retrain", "--json", f"--store={tmp_path}/store"),
            *("--model=served", "--training.epochs=2", "--training.checkpoint_every=3000"),
        ],
        env=site.environment | {"PREFECT_API_URL": f"{site.url}/api"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert 0 == done.returncode, done.stderr
    outcome = json.loads(done.stdout.splitlines()[-1])

    (run,) = site.filter("flow_runs", flow_runs={"name": {"like_": "retrain served 20"}})
    assert "COMPLETED" == run["state_type"]
    ours = {"id": {"any_": [run["id"]]}}
    names = [task["name"] for task in site.filter("task_runs", flow_runs=ours)]
    chunks = math.ceil(outcome["iteration"] / 3000)
    assert chunks == sum(f"/{chunks} to iteration" in name for name in names)
    keys = {artifact["key"] for artifact in site.filter("artifacts", flow_runs=ours)}
    kinds = ("model", "progress", "retrain", "samples")
    expected = {artifact_key(kind, f"{tmp_path}/store", "served") for kind in kinds}
    dataset = artifact_key("dataset", f"{tmp_path}/store", outcome["dataset_id"])
    assert expected | {dataset} == keys
