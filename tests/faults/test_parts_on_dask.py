"""Reports and scores on a real Dask cluster: the same rows as on threads, whatever dies meanwhile."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pyarrow.parquet as pq
import pytest

from flows.exceptions import EngineUnavailable
from flows.lifecycle import report_pieces
from flows.parameters import SamplingOptions, ScoringOptions, TrainingOptions
from flows.score import score
from flows.score_result import ScoreResult
from flows.train import train
from tests.support.dask_cluster import Cluster, running_cluster
from tests.support.flows import reported
from tests.support.prefect_server import prefect_server  # noqa: F401 - a fixture
from tests.support.texts import make_text

pytest.importorskip("distributed", reason="needs the extra dask")

sampling = SamplingOptions(samples_each=90_000, length=5)  # at three temperatures: three parts


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of which tests kill at most a worker, which its nanny starts again."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a small model."""
    folder = tmp_path_factory.mktemp("trained")
    corpus = folder / "corpus.txt"
    corpus.write_text("the keeper lit the lamp and the tide came in.\n" * 150)
    training = TrainingOptions(hidden_size=4, epochs=1)
    train(corpus=str(corpus), store=str(folder / "store"), training=training)
    return folder / "store"


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A text of several batches, with rows that go on from one to the next, and a small file."""
    folder = tmp_path / "texts"
    folder.mkdir()
    part = make_text([70] * 40_000, seed=1)
    (folder / "a.txt").write_text(part + part.replace("\n", " ") + "\n" + part)
    (folder / "b.txt").write_text("the tide 文\n")
    return folder


def copied(store: Path, place: Path) -> Path:
    """The store in another place."""
    shutil.copytree(store, place)
    return place


def rows(store: Path, folder: str) -> list[Any]:
    """The tables of all files in a folder of the store, times apart."""
    files = sorted((store / folder / "default").glob("*/*.parquet"))
    return [pq.read_table(each, partitioning=None).drop_columns(["created_at"]) for each in files]


def scored(text: Path, store: Path, engine: str) -> ScoreResult:
    """The result of the flow."""
    options = ScoringOptions(threshold=4.0, longest=1000)
    found = score(corpus=str(text), store=str(store), scoring=options, engine=engine)
    return cast("ScoreResult", found)


def worker_of(cluster: Cluster, name: str) -> int:
    """The process of a worker that works, a child of its nanny."""
    pid = cluster._processes[name].pid
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for each in tasks for child in each.read_text().split()]
    command = {child: Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return next(child for child, line in command.items() if "spawn_main" in line)


def meanwhile(action: Callable[[], None], condition: Callable[[], object]) -> threading.Thread:
    """Do something once a condition holds, while a flow runs."""

    def wait() -> None:
        deadline = time.monotonic() + 120
        while not condition() and time.monotonic() < deadline:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def test_the_parts_of_a_report_are_the_same_though_a_worker_dies(
    cluster: Cluster, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had written stays; what it was drawing is drawn by another."""
    monkeypatch.setattr(report_pieces, "least_seconds", 0.0)
    here, there = (copied(trained, tmp_path / name) for name in ("here", "there"))
    expected = reported(store=str(here), sampling=sampling, engine="threads:1")
    drawing = there / "reports/samples/default"
    victim = worker_of(cluster, "worker0")

    thread = meanwhile(
        lambda: os.kill(victim, signal.SIGKILL), lambda: list(drawing.glob("*/*-*.parquet"))
    )
    found = reported(store=str(there), sampling=sampling, engine=cluster.address)
    thread.join()

    assert (expected.report_id, expected.rows) == (found.report_id, found.rows)
    for folder in ("reports/samples", "reports/summaries"):
        assert rows(here, folder) == rows(there, folder)


def test_scores_are_the_same_though_a_worker_dies(
    cluster: Cluster, trained: Path, text: Path, tmp_path: Path
) -> None:
    """Its batch is read by another; the file is put together in order."""
    here, there = (copied(trained, tmp_path / name) for name in ("here", "there"))
    expected = scored(text, here, "threads:2")
    cluster.wait_for("worker0")
    victim = worker_of(cluster, "worker0")

    thread = meanwhile(
        lambda: os.kill(victim, signal.SIGKILL), lambda: list(there.glob("**/.tmp-*"))
    )
    found = scored(text, there, cluster.address)
    thread.join()

    assert (expected.score_id, expected.rows) == (found.score_id, found.rows)
    assert rows(here, "reports/scores") == rows(there, "reports/scores")
    assert expected.table()["surprising"] == found.table()["surprising"]


def test_a_lost_scheduler_leaves_no_scores(trained: Path, text: Path, tmp_path: Path) -> None:
    """The sentence says so, and threads score the text then."""
    store = copied(trained, tmp_path / "store")
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster") as lost:
        thread = meanwhile(
            lambda: lost.stop("scheduler", signal.SIGKILL), lambda: list(store.glob("**/.tmp-*"))
        )
        with pytest.raises(EngineUnavailable, match="scheduler"):
            scored(text, store, lost.address)
        thread.join()
    assert [] == rows(store, "reports/scores")
    assert [] == list(store.glob("**/.tmp-*"))

    assert 1 <= scored(text, store, "threads").rows
