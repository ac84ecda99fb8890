"""Processes that train and commit, alone or concurrently, killed hundreds of times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flows.exceptions import ObjectExists
from flows.storage.stores import open_store
from tests.support.counting import shown
from tests.support.faults.writers import Writers
from tests.support.stores import in_parallel

Count = Callable[[str], None]
lengths = (3, 5, 2, 7, 3, 4, 6, 5)  # iterations of each writer's chunks


@pytest.mark.parametrize(("writers", "kills"), [(1, 600), (2, 300), (4, 300), (8, 300)])
def test_kills_on_a_local_disk_lose_nothing(
    tmp_path: Path, writers: int, kills: int, count: Count
) -> None:
    """What was acknowledged exists, bit for bit, and each iteration once."""
    killed = Writers(str(tmp_path / "store"), lengths[:writers], seed=writers)

    killed.kill(kills, pause=0.05)

    assert 0.25 * killed.counts["kills"] <= killed.counts["kills inside a commit"]
    count(shown(f"{writers} writers killed, local disk", killed.counts))


@pytest.mark.parametrize(("writers", "kills"), [(1, 200), (2, 100), (4, 60)])
@pytest.mark.usefixtures("s3")
def test_kills_on_s3_lose_nothing(bucket: str, writers: int, kills: int, count: Count) -> None:
    """The same on Ceph."""
    killed = Writers(f"s3://{bucket}/store", lengths[:writers], seed=writers)

    killed.kill(kills, pause=0.5)

    assert 0.25 * killed.counts["kills"] <= killed.counts["kills inside a commit"]
    count(shown(f"{writers} writers killed, S3", killed.counts))


@pytest.mark.usefixtures("fast_switching_threads", "s3")
@pytest.mark.parametrize("kind", ["local", "memory", "s3"])
def test_exactly_one_of_racing_writers_wins(
    tmp_path: Path, bucket: str, kind: str, count: Count
) -> None:
    """Of eight racers for each of a thousand keys, exactly one wins."""
    urls = {"local": str(tmp_path), "memory": "inmemory://races", "s3": f"s3://{bucket}/races"}
    racers = [open_store(urls[kind]) for _ in range(8)]
    winners: list[tuple[int, int]] = []

    def race(number: int) -> None:
        for key in range(1000):
            try:
                racers[number].create(f"race/{key}", b"%d" % number)
            except ObjectExists:
                continue
            winners.append((key, number))

    in_parallel(8, race)

    assert list(range(1000)) == sorted(key for key, _ in winners)
    for key, number in winners:
        assert b"%d" % number == racers[0].read(f"race/{key}")
    count(f"races, {kind}: 1,000 keys × 8 racers, one winner each")
