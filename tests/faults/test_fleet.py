"""A fleet that is killed, or stopped by a signal, in the middle: the next run does the rest."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from flows.storage import Registry, open_store
from tests.support.commands import kill, outcome, start
from tests.support.outcome_files import newest_outcomes

models = ("a", "b", "c", "d")
line = "the keeper of {} lit the lamp and the tide came in, said the baker of boat {}.\n"
patience_seconds = 300


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Four models, each a second or two of training."""
    rows = []
    for model in models:
        corpus = tmp_path / f"{model}.txt"
        corpus.write_text("".join(line.format(model, number % 97) for number in range(1000)))
        rows.append({"model": model, "corpus": str(corpus)})
    shared = {"training": {"hidden_size": 64, "epochs": 12}, "sampling": {"length": 20}}
    file = tmp_path / "models.json"
    file.write_text(json.dumps({"defaults": shared, "models": rows}))
    return file


def begun(home: Path, table: Path, store: Path) -> subprocess.Popen[str]:
    return start(
        home, "--models", str(table), "--store", str(store), "--engine=threads:1", flow="fleet"
    )


def until_one_is_decided(store: Path, process: subprocess.Popen[str]) -> None:
    """And the next has begun."""
    end = time.monotonic() + patience_seconds
    while time.monotonic() < end:
        assert process.poll() is None, process.communicate()
        decided = {path.parts[-3] for path in store.glob("models/*/versions/*.json")}
        started = {path.parts[-4] for path in store.glob("models/*/runs/*/log")}
        if decided and started - decided:
            return
        time.sleep(0.05)
    pytest.fail("no model was decided about")


def champions(store: Path) -> dict[str, str]:
    found = {}
    for model in models:
        champion = Registry(open_store(str(store)), model).champion()
        assert champion
        found[model] = champion.version.digest
    return found


def outcomes(store: Path) -> dict[str, Any]:
    return {row["model"]: row["outcome"] for row in newest_outcomes(store)}


def test_a_killed_fleet_is_finished_by_the_next_run(tmp_path: Path, table: Path) -> None:
    """With the same bytes as one that was never killed; what was done is not done again."""
    whole, store, home = tmp_path / "whole", tmp_path / "store", tmp_path / "home"
    outcome(begun(home, table, whole), patience_seconds)
    process = begun(home, table, store)
    until_one_is_decided(store, process)
    kill(process)
    found = outcome(begun(home, table, store), patience_seconds)

    assert champions(whole) == champions(store)
    assert found["unchanged"] >= 1
    assert (4, 0) == (found["unchanged"] + found["promoted"], found["failed"])


def test_a_signal_ends_a_fleet_with_what_is_known(tmp_path: Path, table: Path) -> None:
    """In its file of outcomes; a model that was training has its checkpoint."""
    store, home = tmp_path / "store", tmp_path / "home"
    process = begun(home, table, store)
    until_one_is_decided(store, process)
    os.kill(process.pid, signal.SIGTERM)
    try:
        _, errors = process.communicate(timeout=patience_seconds)
    finally:
        kill(process)

    assert 128 + signal.SIGTERM == process.returncode, errors
    assert "run the same command again" in errors
    known = outcomes(store)
    assert set(models) == set(known)
    assert {"promoted", "cancelled"} == set(known.values())
    found = outcome(begun(home, table, store), patience_seconds)
    assert list(known.values()).count("promoted") <= found["unchanged"] < len(models)
    assert found["success"] == 1
