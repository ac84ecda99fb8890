"""The short form of the fault tests; `make faults` runs the long one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.storage.stores import Store, open_store
from tests.support.counting import shown
from tests.support.faults.damage import damage_everything
from tests.support.faults.errors import fail_everywhere
from tests.support.faults.power import record_run, violations
from tests.support.faults.writers import Writers

Count = Callable[[str], None]


@pytest.mark.parametrize(("lengths", "kills"), [((3,), 50), ((3, 5), 20), ((2, 3, 5, 7), 20)])
def test_killed_writers_lose_nothing(
    tmp_path: Path, lengths: tuple[int, ...], kills: int, count: Count
) -> None:
    """SIGKILL at any time: what was acknowledged exists, bit for bit, each iteration once."""
    writers = Writers(str(tmp_path / "store"), lengths, seed=kills)

    writers.kill(kills, pause=0.02)

    assert 0.25 * writers.counts["kills"] <= writers.counts["kills inside a commit"]
    count(shown(f"{len(lengths)} writers killed", writers.counts))


def test_power_loss_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """Every image of the disk that a crash may leave is intact and holds what was acknowledged."""
    recording = record_run(tmp_path / "store", monkeypatch)

    images, wrong = violations(recording, tmp_path / "store")

    assert [] == wrong
    count(f"power loss: {len(recording.calls)} system calls, {images} distinct images")


def test_a_failing_disk_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """Full, over quota, failing, read-only or without permission, at each call of a commit.

    The message names the error, the previous checkpoint loads, the next run continues, no temporary
    file is left, and what was acknowledged despite an error survives a power loss too.
    """
    counts, wrong = fail_everywhere(tmp_path, monkeypatch)

    assert set() == wrong
    count(shown("failing disk", counts))


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_damage_is_reported(tmp_path: Path, kind: str, count: Count) -> None:
    """Flips, truncations, zeroed pages and appended bytes in objects of every kind."""
    url = str(tmp_path / "store") if kind == "local" else "inmemory://bucket/store"
    store: Store = open_store(url)

    counts, undetected = damage_everything(store, 150, seed=1)

    assert [] == undetected
    count(shown(f"damage, {kind}", counts))
