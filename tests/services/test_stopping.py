"""Runs that are cancelled or lose their worker or server, and how the next run continues."""

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
    """Start an endless run and wait for its first chunk; its id."""
    run_id = site.run("retrain/manual", model=model, store=str(store), training=endless)
    eventually(lambda: checkpoints(store, model)[1:], within=90)
    return run_id


def heartbeats(site: Site, run_id: str) -> list[dict[str, Any]]:
    """The heartbeats of a run that have reached the server."""
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
    }
    found = site.api.post("/events/filter", json={"filter": wanted}).raise_for_status().json()
    events: list[dict[str, Any]] = found["events"]
    return events


def states(site: Site, run_id: str) -> list[str]:
    """The run's states so far."""
    found = site.api.get("/flow_run_states/", params={"flow_run_id": run_id}).json()
    return [state["type"] for state in sorted(found, key=lambda state: str(state["timestamp"]))]


def cancel(site: Site, run_id: str) -> dict[str, Any]:
    """Cancel the run as the UI does; the finished run."""
    asked = {"state": {"type": "CANCELLING"}}
    site.api.post(f"/flow_runs/{run_id}/set_state", json=asked).raise_for_status()
    return site.finished(run_id, within=40)


def finish(site: Site, store: Path, model: str) -> dict[str, Any]:
    """Request the same training again, with few epochs left; the finished run."""
    target = open_store(str(store))
    epoch = open_run(str(store), model, newest_run(target, model)).iterations_per_epoch
    epochs = checkpoints(store, model)[-1].iteration // epoch + 2
    training = endless | {"epochs": epochs}
    run = site.run("train/manual", model=model, store=str(store), training=training)
    return site.finished(run, within=120)


def test_cancelled_run_writes_a_checkpoint(killable_site: Site, tmp_path: Path) -> None:
    """The run stops between two planned checkpoints and reports where; the next continues there."""
    run_id = begin(killable_site, tmp_path, "cancelled")

    assert "CANCELLED" == cancel(killable_site, run_id)["state_type"]
    last = checkpoints(tmp_path, "cancelled")[-1].iteration
    assert last % planned
    logs = killable_site.filter("logs", logs={"flow_run_id": {"any_": [run_id]}})
    sentence = f"stopped at iteration {last}, checkpoint written: run again to go on"
    assert sentence in [log["message"] for log in logs]

    assert "COMPLETED" == finish(killable_site, tmp_path, "cancelled")["state_type"]
    numbers = [record.iteration for record in checkpoints(tmp_path, "cancelled")]
    assert last in numbers[:-1]
    assert sorted(set(numbers)) == numbers


def test_restarted_server_loses_no_run(killable_site: Site, tmp_path: Path) -> None:
    """A run keeps training while its server is down, and can be cancelled when it is up again.

    Even if the server was down for so long that Prefect's worker no longer listens for
    cancellations, and that the server, when it is up again, marks the run as crashed.
    """
    run_id = begin(killable_site, tmp_path, "restarted")
    log = killable_site.project / "worker.log"

    killable_site.stop("server")
    time.sleep(silent_seconds + 10)
    assert "flow run cancellation will fail" in log.read_text()
    before = len(checkpoints(tmp_path, "restarted"))
    killable_site.start("server")
    eventually(lambda: checkpoints(tmp_path, "restarted")[before + 1 :], within=60)

    # As the automation does if it checks before the run's first heartbeat arrives.
    crashed_state = {"state": {"type": "CRASHED"}, "force": True}
    killable_site.api.post(f"/flow_runs/{run_id}/set_state", json=crashed_state).raise_for_status()
    eventually(lambda: ["CRASHED", "RUNNING"] == states(killable_site, run_id)[-2:], within=60)
    cancelled = cancel(killable_site, run_id)
    assert "CANCELLED" == cancelled["state_type"]
    last = checkpoints(tmp_path, "restarted")[-1].iteration
    sentence = f"stopped at iteration {last}, checkpoint written: run again to go on"
    assert sentence == cancelled["state"]["message"]


def test_run_of_a_dead_worker_is_marked_crashed_and_continued(
    killable_site: Site, tmp_path: Path
) -> None:
    """A run whose machine is lost does not stay Running; the next continues where it stopped."""
    run_id = begin(killable_site, tmp_path, "orphan")

    eventually(lambda: heartbeats(killable_site, run_id), within=60)
    killable_site.kill("worker")
    last = checkpoints(tmp_path, "orphan")[-1].iteration
    killable_site.start("worker")

    crashed = killable_site.finished(run_id, within=silent_seconds + 60)
    assert "CRASHED" == crashed["state_type"]
    assert "goes on from the last checkpoint" in crashed["state"]["message"]
    assert "COMPLETED" == finish(killable_site, tmp_path, "orphan")["state_type"]
    assert last in [record.iteration for record in checkpoints(tmp_path, "orphan")[:-1]]


@pytest.mark.parametrize("states", [["PENDING"], ["PENDING", "RUNNING"]], ids=str)
def test_run_without_a_process_is_marked_crashed(killable_site: Site, states: list[str]) -> None:
    """A worker may stop after it has taken a run, before or just after the run begins."""
    (automation,) = (a for a in killable_site.filter("automations") if a["name"] == lost_runs.name)
    minutes = automation["trigger"]
    seconds = minutes | {"within": 10}
    wanted = {key: automation[key] for key in ("name", "description", "enabled", "actions")}
    answer = killable_site.api.put(
        f"/automations/{automation['id']}", json=wanted | {"trigger": seconds}
    )
    answer.raise_for_status()
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    state = {"type": "SCHEDULED", "state_details": {"scheduled_time": tomorrow}}
    deployment = killable_site.deployment("report/manual")["id"]
    created = killable_site.api.post(
        f"/deployments/{deployment}/create_flow_run", json={"state": state}
    )
    run_id = created.raise_for_status().json()["id"]

    for name in states:
        reached = {"state": {"type": name}, "force": True}
        killable_site.api.post(f"/flow_runs/{run_id}/set_state", json=reached).raise_for_status()

    crashed = killable_site.finished(run_id, within=60)
    killable_site.api.put(f"/automations/{automation['id']}", json=wanted | {"trigger": minutes})
    assert "CRASHED" == crashed["state_type"]
    assert "Run it again" in crashed["state"]["message"]
