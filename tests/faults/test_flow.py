"""`python -m flows.retrain`, killed repeatedly until it is finished, with real text."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from flows.storage.checkpoints import CheckpointLog
from flows.storage.runs import run_folder
from flows.storage.stores import Store, open_store
from tests.support.commands import kill, outcome, start
from tests.support.counting import shown
from tests.support.damage import reported
from tests.support.faults.proxy import FaultProxy, corrupted_reads, every_request, reads, records
from tests.support.s3 import happens
from tests.support.stores import reopened

Count = Callable[[str], None]
corpus = Path(__file__).parents[2] / "data" / "corpus"
shape = ("--training.hidden_size=16", "--sampling.length=20", "--training.epochs=2")
often = "--training.checkpoint_every=5"  # so many that no run is finished before it is killed
rarely = "--training.checkpoint_every=1000"
networks = {
    "one stream, float32": (),
    "four streams, float64": ("--training.batch_size=4", "--training.dtype=float64"),
}


def kill_repeatedly(
    store: Store, run_id: str, begin: Callable[[], Any], kills: int, seed: int
) -> Counter[str]:
    """Kill the run after its first new checkpoint, at least `kills` times.

    It waits for a commit while few kills were inside one, and repeats until a quarter were, at most
    three times as often.
    """
    rng = random.Random(seed)
    run = run_folder("default", run_id)
    log = CheckpointLog(store, "default", run_id)
    counts: Counter[str] = Counter()

    def written(kind: str) -> int:
        place = f"{run}/{kind}"
        if folder := store.local_file(place):  # a commit takes some milliseconds: check often
            return sum(not file.name.startswith(".") for file in folder.iterdir())
        return len(store.names(place))

    def is_behind() -> bool:
        """Whether a payload has no record yet."""
        return written("data") > len(log.records())

    def share_inside() -> float:
        return counts["kills inside a commit"] / max(1, counts["kills"])

    while counts["kills"] < kills or (share_inside() < 0.25 and counts["kills"] < 3 * kills):
        before, wait_for_commit = log.head(), share_inside() <= 0.5
        process = begin()
        try:
            assert happens(lambda before=before: log.head() > before, within=120)  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.5))
            payloads, deadline = written("data"), time.monotonic() + 5
            while wait_for_commit and time.monotonic() < deadline and written("data") == payloads:
                pass  # a payload comes before its record
            # On S3 the record may be on its way, and arrive while the process is being ended.
            on_its_way = store.local_file(run) is None and is_behind()
        finally:
            kill(process)
        counts["kills"] += 1
        counts["kills inside a commit"] += on_its_way or is_behind()
        with reported() as problems:
            assert CheckpointLog(reopened(store.url), "default", run_id).newest() is not None
        assert [] == problems
    counts["checkpoints"] = len(log.records())
    return counts


@pytest.mark.parametrize("network", networks)
def test_the_main_job_killed_on_a_local_disk_gives_the_same_bytes(
    tmp_path: Path, network: str, count: Count
) -> None:
    """It ends with the same bytes as a job without faults."""
    options = (f"--corpus={corpus}/*.txt", *shape, *networks[network])
    not_killed = outcome(start(tmp_path, *options, rarely, f"--store={tmp_path}/not_killed"))
    store = f"--store={tmp_path}/killed"

    counts = kill_repeatedly(
        open_store(f"{tmp_path}/killed"),
        not_killed["run_id"],
        lambda: start(tmp_path, *options, often, store),
        kills=8,
        seed=8,
    )

    killed = outcome(start(tmp_path, *options, rarely, store))
    assert not_killed["checkpoint_digest"] == killed["checkpoint_digest"]
    assert 0.25 * counts["kills"] <= counts["kills inside a commit"]
    count(shown(f"main job killed, {network}", counts))


def test_the_main_job_killed_on_s3_gives_the_same_bytes(
    tmp_path: Path, s3: dict[str, str], bucket: str, count: Count
) -> None:
    """Corpus and store are on Ceph, and records arrive up to half a second late.

    The record of a killed run may arrive while the next run is working.
    """
    text = min(corpus.glob("*.txt")).read_bytes()
    fsspec.filesystem("s3").pipe_file(f"{bucket}/corpus.txt", text)
    options = (f"--corpus=s3://{bucket}/corpus.txt", *shape)
    not_killed = outcome(start(tmp_path, *options, rarely, f"--store={tmp_path}/not_killed"))
    store = f"--store=s3://{bucket}/store"

    with FaultProxy(s3["AWS_ENDPOINT_URL"], ("slow",), share=1.0, seed=10, only=records) as proxy:
        slow = {"AWS_ENDPOINT_URL": proxy.url}
        counts = kill_repeatedly(
            open_store(f"s3://{bucket}/store"),
            not_killed["run_id"],
            lambda: start(tmp_path, *options, often, store, environment=slow),
            kills=8,
            seed=9,
        )

    killed = outcome(start(tmp_path, *options, rarely, store))
    assert not_killed["checkpoint_digest"] == killed["checkpoint_digest"]
    assert 0.25 * counts["kills"] <= counts["kills inside a commit"]
    count(shown("main job killed, S3", counts))


bad_networks = {
    "lossy": {"faults": every_request, "share": 0.25},
    "corrupting": {"faults": corrupted_reads, "share": 0.1, "only": reads},
}


@pytest.mark.parametrize("kind", bad_networks)
def test_the_main_job_over_a_bad_network_gives_the_same_bytes(
    tmp_path: Path, s3: dict[str, str], bucket: str, kind: str, count: Count
) -> None:
    """A quarter of all requests fails, or a tenth of all reads is corrupted."""
    options = (f"--corpus={min(corpus.glob('*.txt'))}", *shape, "--training.checkpoint_every=500")
    without_faults = outcome(start(tmp_path, *options, f"--store={tmp_path}/store"))

    bad: dict[str, Any] = bad_networks[kind]
    with FaultProxy(s3["AWS_ENDPOINT_URL"], seed=11, **bad) as proxy:
        through = {"AWS_ENDPOINT_URL": proxy.url}
        process = start(tmp_path, *options, f"--store=s3://{bucket}/store", environment=through)
        found = outcome(process, within=600)

    for name in ("checkpoint_digest", "report_id", "held_out_bits_per_character"):
        assert without_faults[name] == found[name]
    count(shown(f"main job over a {kind} network", proxy.counts))
