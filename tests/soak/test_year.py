"""A year of nights on a small network: the champion, the disk and the decisions; and kills."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.night_story import (
    champion_sentence,
    disk_sentence,
    every_kind,
    random_kinds,
    table,
)
from tests.support.nights import Night, Nights, maximum_loss

Count = Callable[[str], None]
year = int(os.environ.get("RNN_SOAK_NIGHTS", "365"))
seed = int(os.environ.get("RNN_SOAK_SEED", "0"))
signals = 4  # nights with a process that is killed at any instant; each takes far longer
parts = ("models", "datasets", "versions", "reports")


def kinds_of_a_year() -> list[str]:
    """Each kind of night first, then nights at random, and now and then a killed process."""
    first = every_kind()
    kinds = [*first, *random_kinds(year - len(first), seed)]
    for number in range(1, signals):
        kinds[number * (year // signals)] = "SIGKILL"
    return kinds


def test_a_year_of_nights(tmp_path: Path, count: Count) -> None:
    """`Nights.run` checks each night; here is what they came to together."""
    nights = Nights(tmp_path, lines=900, seed=seed)

    for kind in kinds_of_a_year():
        nights.run(kind)

    for line in table(nights.nights):
        count(line)
    count(champion_sentence(nights.nights))
    for part in parts:
        count(disk_sentence(nights.nights, part))
    count(f"decisions: {nights.decisions()} version records, each with its reason")
    first, last = nights.nights[0], nights.nights[-1]
    assert last.first_bits <= first.first_bits + maximum_loss
    halves = nights.nights[: year // 2], nights.nights[year // 2 :]
    for part in ("models", "datasets"):
        then, now = (most_files(half, part) for half in halves)
        assert now <= 1.25 * then, f"{part} still grow"


def test_a_night_killed_anywhere_ends_as_if_it_had_not_been(tmp_path: Path, count: Count) -> None:
    """The same decision, the same report, and the bytes of every checkpoint that is kept."""
    nights = Nights(tmp_path, lines=300, seed=seed)
    for kind in ("grown", "grown", "drifting"):
        nights.run(kind)

    operations = nights.kill_everywhere()

    count(f"a night killed before each of its {operations} operations on the store")


def most_files(nights: Sequence[Night], part: str) -> int:
    """The largest number of files that a part of the store had."""
    return max(night.disk[part].files for night in nights)
