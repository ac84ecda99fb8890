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
    """SIGKILL at any instant: what was acknowledged is there, bit for bit, each step once."""
    writers = Writers(str(tmp_path / "store"), lengths, seed=kills)

    writers.kill(kills, patience=0.02)

    assert 0.25 * writers.counts["kills"] <= writers.counts["kills inside a commit"]
    count(shown(f"{len(lengths)} writers killed", writers.counts))


def test_a_loss_of_power_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """Every image that a crash may leave is sound, and holds what was acknowledged."""
    recording = record_run(tmp_path / "store", monkeypatch)

    images, wrong = violations(recording, tmp_path / "store")

    assert [] == wrong
    count(f"power loss: {len(recording.calls)} system calls, {images} distinct images")


def test_a_failing_disk_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    """Full, over quota, failing, read-only or barred, at each call of a commit.

    The message says so, the checkpoint before loads, the next run goes on, no temporary file is
    left, and what was acknowledged in spite of an error survives a loss of power too.
    """
    counts, wrong = fail_everywhere(tmp_path, monkeypatch)

    assert set() == wrong
    count(shown("failing disk", counts))


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_damage_is_reported(tmp_path: Path, kind: str, count: Count) -> None:
    """Flips, truncations, zeroed pages and appended bytes in objects of every kind."""
    url = str(tmp_path / "store") if kind == "local" else "memory://bucket/store"
    store: Store = open_store(url)

    counts, unseen = damage_everything(store, 150, seed=1)

    assert [] == unseen
    count(shown(f"damage, {kind}", counts))
