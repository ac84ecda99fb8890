"""Runs whose worker is lost: they do not stay Running, and the next run continues."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows.runtime.automations import lost_runs, silent_seconds
from tests.support.endless import begin, finish
from tests.support.site import Site, checkpoints, eventually


def heartbeats(site: Site, run_id: str) -> list[dict[str, Any]]:
    """The heartbeats of a run that have reached the server."""
    wanted = {
        "event": {"name": ["prefect.flow-run.heartbeat"]},
        "resource": {"id": [f"prefect.flow-run.{run_id}"]},
    }
    found = site.api.post("/events/filter", json={"filter": wanted}).raise_for_status().json()
    events: list[dict[str, Any]] = found["events"]
    return events


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
