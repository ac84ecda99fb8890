"""Runs that are cancelled or lose their server, and how the next run continues."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from flows.runtime.automations import silent_seconds
from tests.support.endless import begin, finish, planned
from tests.support.site import Site, checkpoints, eventually


def states(site: Site, run_id: str) -> list[str]:
    """The run's states so far."""
    found = site.api.get("/flow_run_states/", params={"flow_run_id": run_id}).json()
    return [state["type"] for state in sorted(found, key=lambda state: str(state["timestamp"]))]


def cancel(site: Site, run_id: str) -> dict[str, Any]:
    """Cancel the run as the UI does; the finished run."""
    asked = {"state": {"type": "CANCELLING"}}
    site.api.post(f"/flow_runs/{run_id}/set_state", json=asked).raise_for_status()
    return site.finished(run_id, within=40)


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
