"""Runs that are cancelled, lose their worker or their server, and what the next run makes of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.runtime.automations import lost_runs, silent_seconds
from flows.storage.checkpoints import newest_run
from flows.storage.open_run import open_run
from flows.storage.stores import open_store
from tests.support.site import Site, checkpoints, eventually

planned = 500_000  # iterations between checkpoints: some seconds
endless = {"hidden_size": 8, "epochs": 1_000_000, "checkpoint_every": planned}


def begin(site: Site, store: Path, model: str) -> str:
    """A run without end that has trained its first chunk; its id."""
    run_id = site.run("retrain/manual", model=model, store=str(store), training=endless)
    eventually(lambda: checkpoints(store, model)[1:], within=90)
    return run_id


def states(site: Site, run_id: str) -> list[str]:
    """The run's states so far."""
    found = site.api.get("/flow_run_states/", params={"flow_run_id": run_id}).json()
    return [state["type"] for state in sorted(found, key=lambda state: str(state["timestamp"]))]


def cancel(site: Site, run_id: str) -> dict[str, Any]:
    """The run after someone cancelled it in the UI."""
    asked = {"state": {"type": "CANCELLING"}}
    site.api.post(f"/flow_runs/{run_id}/set_state", json=asked).raise_for_status()
    return site.finished(run_id, within=40)


def finish(site: Site, store: Path, model: str) -> dict[str, Any]:
    """The same training asked for again, now with an end within reach."""
    target = open_store(str(store))
    epoch = open_run(str(store), model, newest_run(target, model)).iterations_per_epoch
    epochs = checkpoints(store, model)[-1].iteration // epoch + 2
    training = endless | {"epochs": epochs}
    run = site.run("train/manual", model=model, store=str(store), training=training)
    return site.finished(run, within=120)


def test_cancelled_run_writes_a_checkpoint(mortal: Site, tmp_path: Path) -> None:
    """The run stops between two planned checkpoints and says where; the next goes on there."""
    run_id = begin(mortal, tmp_path, "cancelled")

    assert "CANCELLED" == cancel(mortal, run_id)["state_type"]
    last = checkpoints(tmp_path, "cancelled")[-1].iteration
    assert last % planned
    logs = mortal.filter("logs", logs={"flow_run_id": {"any_": [run_id]}})
    sentence = f"stopped at iteration {last}, checkpoint written: run again to go on"
    assert sentence in [log["message"] for log in logs]

    assert "COMPLETED" == finish(mortal, tmp_path, "cancelled")["state_type"]
    numbers = [record.iteration for record in checkpoints(tmp_path, "cancelled")]
    assert last in numbers[:-1]
    assert sorted(set(numbers)) == numbers


def test_restarted_server_loses_no_run(mortal: Site, tmp_path: Path) -> None:
    """A run trains on while its server is away, and obeys it when it is back.

    Even where it was away for so long that Prefect's worker has given up listening for cancels,
    and that the server, when it is back, takes the run for dead.
    """
    run_id = begin(mortal, tmp_path, "patient")
    log = mortal.project / "worker.log"

    mortal.stop("server")
    time.sleep(silent_seconds + 10)
    assert "flow run cancellation will fail" in log.read_text()
    without = len(checkpoints(tmp_path, "patient"))
    mortal.start("server")
    eventually(lambda: checkpoints(tmp_path, "patient")[without + 1 :], within=60)

    # As the automation does where it looks before the run's first heartbeat arrives.
    dead = {"state": {"type": "CRASHED"}, "force": True}
    mortal.api.post(f"/flow_runs/{run_id}/set_state", json=dead).raise_for_status()
    eventually(lambda: ["CRASHED", "RUNNING"] == states(mortal, run_id)[-2:], within=60)
    cancelled = cancel(mortal, run_id)
    assert "CANCELLED" == cancelled["state_type"]
    last = checkpoints(tmp_path, "patient")[-1].iteration
    sentence = f"stopped at iteration {last}, checkpoint written: run again to go on"
    assert sentence == cancelled["state"]["message"]


def test_run_of_a_dead_worker_is_crashed_and_gone_on_with(mortal: Site, tmp_path: Path) -> None:
    """A run whose machine went away does not stay Running; the next goes on where it stood."""
    run_id = begin(mortal, tmp_path, "orphan")

    mortal.lose("worker")
    last = checkpoints(tmp_path, "orphan")[-1].iteration
    mortal.start("worker")

    crashed = mortal.finished(run_id, within=silent_seconds + 60)
    assert "CRASHED" == crashed["state_type"]
    assert "goes on from the last checkpoint" in crashed["state"]["message"]
    assert "COMPLETED" == finish(mortal, tmp_path, "orphan")["state_type"]
    assert last in [record.iteration for record in checkpoints(tmp_path, "orphan")[:-1]]


@pytest.mark.parametrize("states", [["PENDING"], ["PENDING", "RUNNING"]], ids=str)
def test_run_that_no_process_came_of_is_crashed(mortal: Site, states: list[str]) -> None:
    """A worker may stop when it has taken a run, before anything of it, or hardly, begins."""
    (automation,) = (a for a in mortal.filter("automations") if a["name"] == lost_runs.name)
    minutes = automation["trigger"]
    seconds = minutes | {"within": 10}
    wanted = {key: automation[key] for key in ("name", "description", "enabled", "actions")}
    answer = mortal.api.put(f"/automations/{automation['id']}", json=wanted | {"trigger": seconds})
    answer.raise_for_status()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": tomorrow}}
    deployment = mortal.deployment("report/manual")["id"]
    created = mortal.api.post(f"/deployments/{deployment}/create_flow_run", json={"state": state})
    run_id = created.raise_for_status().json()["id"]

    for name in states:
        reached = {"state": {"type": name}, "force": True}
        mortal.api.post(f"/flow_runs/{run_id}/set_state", json=reached).raise_for_status()

    crashed = mortal.finished(run_id, within=60)
    mortal.api.put(f"/automations/{automation['id']}", json=wanted | {"trigger": minutes})
    assert "CRASHED" == crashed["state_type"]
    assert "Run it again" in crashed["state"]["message"]
