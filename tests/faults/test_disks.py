"""Thousands of damaged objects, and power loss at any time of a longer run."""

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
def test_damage_is_detected(tmp_path: Path, kind: str, count: Count) -> None:
    """Damage to objects of any kind is detected."""
    store = open_store(str(tmp_path / "store") if kind == "local" else "inmemory://bucket/store")

    counts, undetected = damage_everything(store, 2000, seed=7)

    assert [] == undetected
    count(shown(f"damage, {kind}", counts))


def test_power_loss_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """Every image of the disk during ten commits holds what was acknowledged."""
    recording = record_run(tmp_path / "store", monkeypatch, commits=10)

    images, wrong = violations(recording, tmp_path / "store")

    assert [] == wrong
    count(f"power loss: {len(recording.calls)} system calls, {images} distinct images")
