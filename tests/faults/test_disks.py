"""Damage by the thousand, and losses of power during a longer run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.storage.stores import open_store
from tests.support.counting import shown
from tests.support.faults.damage import damage_everything
from tests.support.faults.power import record_run, violations

Count = Callable[[str], None]


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_damage(tmp_path: Path, kind: str, count: Count) -> None:
    """Nothing goes unseen in objects of any kind."""
    store = open_store(str(tmp_path / "store") if kind == "local" else "memory://bucket/store")

    counts, unseen = damage_everything(store, 2000, seed=7)

    assert [] == unseen
    count(shown(f"damage, {kind}", counts))


def test_loss_of_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count) -> None:
    """Every image of ten commits holds what was acknowledged."""
    recording = record_run(tmp_path / "store", monkeypatch, commits=10)

    images, wrong = violations(recording, tmp_path / "store")

    assert [] == wrong
    count(f"power loss: {len(recording.calls)} system calls, {images} distinct images")
