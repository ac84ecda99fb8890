"""The embedded server of a command: it records the run, and ends with the command however it ends."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from flows.command_line.start import may_need_server
from flows.runtime.embedded import EmbeddedServer
from tests.support.commands import kill, outcome, small, start


@pytest.fixture
def arguments(corpus: Path, store: Path) -> tuple[str, ...]:
    """Arguments of a small retraining."""
    return (f"--corpus={corpus}", f"--store={store}", *small)


def rows(home: Path, query: str) -> list[tuple[str, ...]]:
    """Rows of Prefect's database."""
    with sqlite3.connect(home / "prefect" / "prefect.db") as database:
        return database.execute(query).fetchall()


def wait_for_checkpoint(process: subprocess.Popen[str], store: Path) -> None:
    """Return when training has started."""
    while len(list(store.rglob("*.safetensors"))) < 2:
        assert process.poll() is None
        time.sleep(0.1)


def test_a_run_is_recorded(home: Path, arguments: tuple[str, ...]) -> None:
    """Flow, tasks, artifacts and log are complete in Prefect's database when the command ends."""
    outcome(start(home, *arguments, "--model=recorded"))

    named = "flow_run.name like 'retrain recorded%'"
    assert [("COMPLETED",)] == rows(home, f"select state_type from flow_run where {named}")
    tasks = rows(
        home,
        "select task_run.name, task_run.state_type from task_run"
        f" join flow_run on flow_run.id = flow_run_id where {named}",
    )
    assert {"COMPLETED"} == {state for _, state in tasks}
    assert {"prepare run of recorded", "publish page of recorded"} <= {name for name, _ in tasks}
    artifacts = rows(home, "select key from artifact where key like '%-recorded-%'")
    for kind in ("progress", "retrain", "samples", "model"):
        assert any(key.startswith(f"{kind}-recorded-") for (key,) in artifacts)
    assert rows(home, "select message from log where message like 'version 0 promoted%'")


def test_two_commands_at_once_have_a_server_each(home: Path, arguments: tuple[str, ...]) -> None:
    """On one database."""
    both = [start(home, *arguments, f"--model=twin-{number}") for number in range(2)]

    for process in both:
        assert outcome(process)["trained_iterations"] > 0


def test_a_killed_command_leaves_no_server(
    home: Path, store: Path, arguments: tuple[str, ...]
) -> None:
    """SIGKILL for the flow's process alone; its server reads the end of a pipe."""
    process = start(
        home, *arguments, "--training.epochs=1000000", "--training.checkpoint_every=20000"
    )
    wait_for_checkpoint(process, store)
    os.kill(process.pid, signal.SIGKILL)

    process.communicate(timeout=60)  # until all processes have closed the pipes


def test_ctrl_c_reaches_the_flow_alone(home: Path, store: Path, arguments: tuple[str, ...]) -> None:
    """A terminal sends the signal to the whole group; the server still records how the run ends."""
    endless = ("--training.epochs=1000000", "--training.checkpoint_every=20000", "--model=halted")
    process = start(home, *arguments, *endless)
    wait_for_checkpoint(process, store)
    try:
        os.killpg(process.pid, signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    finally:
        kill(process)

    assert "stopped: run the same command again to go on" in errors
    (state,) = rows(home, "select state_type from flow_run where name like 'retrain halted%'")
    assert ("RUNNING",) != state


def test_a_server_that_ends_at_once_is_reported(home: Path, arguments: tuple[str, ...]) -> None:
    """As one whose database cannot be opened."""
    nowhere = {"PREFECT_API_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////nowhere/prefect.db"}
    process = start(home, *arguments, environment=nowhere)
    _, errors = process.communicate(timeout=60)

    assert 2 == process.returncode
    assert "error: Prefect's embedded server did not start" in errors


def test_a_server_that_is_not_needed_touches_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded before it is known whether the parameters are valid."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "prefect"))
    server = EmbeddedServer()
    server.stop()

    assert [] == list(tmp_path.iterdir())


def test_help_and_dry_runs_load_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor does a run under a server that is named in the environment."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    assert may_need_server(["--model=a"])
    assert not may_need_server(["--model=a", "--help"])
    assert not may_need_server(["--dry_run", "--model=a"])

    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:4200/api")
    assert not may_need_server(["--model=a"])
