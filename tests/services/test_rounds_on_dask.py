"""Rounds on a real Dask cluster: killed workers and schedulers change no byte."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flows.exceptions import EngineLost
from flows.lifecycle import rounds
from flows.runtime.engines import executor_of
from flows.storage.stores import open_store
from rnncore import TrainingState
from tests.support.dask_cluster import Cluster, running_cluster
from tests.support.rounds import asked, begun, digests, go_on

distributed = pytest.importorskip("distributed", reason="needs the extra dask")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def expected(tmp_path: Path) -> dict[int, str]:
    """The checkpoints of the same run on two threads."""
    opened, work, _ = begun(open_store(str(tmp_path / "expected")), asked(checkpoint_every=70))
    with ThreadPoolExecutor(2) as executor:
        go_on(opened, work, executor)
    return digests(opened)


@pytest.fixture(autouse=True)
def kept_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of every round is kept."""
    monkeypatch.setattr(rounds, "keep_seconds", 0)


def once_at(iteration: int, action: Callable[[], None]) -> Callable[[TrainingState, float], None]:
    """Do something in the first round that ends after an iteration."""
    left = [action]

    def on_slice(state: TrainingState, _: float) -> None:
        if state.iteration >= iteration and left:
            left.pop()()

    return on_slice


def kill_a_worker(cluster: Cluster) -> None:
    with distributed.Client(cluster.address, set_as_default=False) as client:
        pid = next(iter(client.run(os.getpid).values()))
    threading.Timer(0.05, os.kill, (pid, signal.SIGKILL)).start()


def test_a_worker_that_is_killed_in_a_round_changes_no_byte(
    cluster: Cluster, tmp_path: Path, expected: dict[int, str]
) -> None:
    opened, work, _ = begun(open_store(str(tmp_path / "store")), asked(checkpoint_every=70))
    with executor_of(cluster.address) as executor:
        on_slice = once_at(35, lambda: kill_a_worker(cluster))
        go_on(opened, work, executor, on_slice=on_slice)
    assert expected == digests(opened)


def test_a_run_whose_scheduler_is_killed_goes_on_from_its_last_round(
    cluster: Cluster, tmp_path: Path, expected: dict[int, str]
) -> None:
    """Here on threads, with the same bytes."""
    opened, work, _ = begun(open_store(str(tmp_path / "store")), asked(checkpoint_every=70))
    on_slice = once_at(35, lambda: cluster.stop("scheduler", signal.SIGKILL))
    with pytest.raises(EngineLost), executor_of(cluster.address) as executor:
        go_on(opened, work, executor, on_slice=on_slice)
    seen: list[int] = []
    go_on(opened, work, on_slice=lambda state, _: seen.append(state.iteration))
    assert min(seen) > 14
    assert expected == digests(opened)
