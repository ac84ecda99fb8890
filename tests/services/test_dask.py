"""Pieces on a real Dask cluster: workers, schedulers and flows that die in the middle."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import copy_context
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, TaskRunFilter
from prefect.client.schemas.objects import TaskRun
from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings
from prefect.states import Cancelling

from flows.exceptions import EngineLost, EngineUnavailable, OptionConflict
from tests.support.dask_cluster import Cluster, eventually, project, running_cluster
from tests.support.engine_flow import pieces
from tests.support.prefect_server import prefect_server  # noqa: F401 - a fixture

pytest.importorskip("distributed", reason="needs the extra dask")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for tests that kill at most a worker, which its nanny starts again."""
    with running_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def lost_cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster for one test."""
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster") as running:
        yield running


def run(engine: str, name: str, arguments: list[dict[str, Any]], *stores: object) -> Any:
    """The result of the flow, or its state where it was cancelled."""
    return pieces(engine, name, arguments, [*map(str, stores)])


def lingering(folder: Path, count: int) -> list[dict[str, Any]]:
    """Pieces that wait for the file `go` in `folder`."""
    folder.mkdir(exist_ok=True)
    return [{"folder": str(folder), "number": number} for number in range(count)]


def begun(folder: Path, number: int = 0) -> list[int]:
    """Processes that have begun a piece."""
    return [int(path.name.partition("-")[2]) for path in folder.glob(f"{number}-*")]


def meanwhile(action: Callable[[], None]) -> threading.Thread:
    """Do something while the flow runs."""
    thread = threading.Thread(target=copy_context().run, args=(action,), daemon=True)
    thread.start()
    return thread


def task_runs() -> list[TaskRun]:
    """Task runs of the newest flow run."""
    with get_client(sync_client=True) as client:
        (newest, *_) = sorted(
            client.read_flow_runs(flow_run_filter=FlowRunFilter(name={"any_": ["pieces"]})),
            key=lambda found: str(found.start_time),
            reverse=True,
        )
        return client.read_task_runs(
            task_run_filter=TaskRunFilter(flow_run_id={"any_": [newest.id]})
        )


def states() -> dict[str, str]:
    """State of each task run of the newest flow run, by its name."""
    return {found.name: str(found.state_type and found.state_type.value) for found in task_runs()}


@pytest.mark.parametrize("again", [1, 2])
def test_pieces_on_dask_give_what_threads_give(cluster: Cluster, again: int) -> None:
    """One that fails does not stop the others; every task run is known to the server."""
    arguments = [{"number": number} for number in range(5 * again)]

    expected = run("threads:2", "refuse", arguments)
    assert run(cluster.address, "refuse", arguments) == expected

    assert [None, "CorpusError: text 1 cannot be read"] == expected[1]
    assert {
        f"refuse {number}": "FAILED" if number % 2 else "COMPLETED" for number in range(5 * again)
    } == eventually(lambda: len(found := states()) == len(arguments) and found)


def test_a_piece_whose_worker_is_killed_runs_again_on_another(
    cluster: Cluster, tmp_path: Path
) -> None:
    """Under the same task run, which ends Completed."""

    def kill() -> None:
        (first,) = eventually(lambda: begun(tmp_path / "waiting"))
        os.kill(first, signal.SIGKILL)
        eventually(lambda: len(begun(tmp_path / "waiting")) == 2)
        (tmp_path / "waiting" / "go").touch()

    thread = meanwhile(kill)
    assert [["piece 0", None], ["piece 1", None]] == run(
        cluster.address, "linger", lingering(tmp_path / "waiting", 2)
    )
    thread.join()
    eventually(lambda: states() == {"linger 0": "COMPLETED", "linger 1": "COMPLETED"})
    cluster.wait_for("worker0")


def test_a_piece_that_kills_its_workers_is_crashed_and_the_others_complete(
    lost_cluster: Cluster,
) -> None:
    """Its task run does not stay Running."""
    found = run(lost_cluster.address, "die", [{"number": number} for number in range(4)])

    assert [[0, None], [2, None]] == [found[0], found[2]]
    assert found[1][0] is None
    assert "EngineLost: die 1: 2 workers died while they ran it" in found[1][1]
    eventually(lambda: list(map(states().get, ("die 1", "die 3"))) == ["CRASHED", "CRASHED"])


def test_a_lost_scheduler_ends_the_flow_with_a_sentence_and_crashes_its_tasks(
    lost_cluster: Cluster, tmp_path: Path
) -> None:
    """Within seconds; a task whose worker noticed in time to end in order is not among them."""

    def kill() -> None:
        eventually(lambda: begun(tmp_path / "waiting", 0) and begun(tmp_path / "waiting", 1))
        lost_cluster.stop("scheduler", signal.SIGKILL)

    thread = meanwhile(kill)
    with pytest.raises(EngineLost, match="has gone: start it, and run again to go on"):
        run(lost_cluster.address, "linger", lingering(tmp_path / "waiting", 5))
    thread.join()

    def all_ended() -> bool:
        stopped = {f"linger {path.name[8:]}" for path in (tmp_path / "waiting").glob("stopped-*")}
        others = [state for name, state in states().items() if name not in stopped]
        return len(states()) == 5 and len(others) >= 3 and {"CRASHED"} == set(others)

    eventually(all_ended)
    assert {"CRASHED", "COMPLETED"} >= set(states().values())


def test_a_cancelled_flow_stops_its_pieces_within_seconds(cluster: Cluster, tmp_path: Path) -> None:
    """Those in progress end in order, those that have not begun never do."""

    def cancel() -> None:
        eventually(lambda: begun(tmp_path / "waiting", 0) and begun(tmp_path / "waiting", 1))
        with get_client(sync_client=True) as client:
            flow_run_id = task_runs()[0].flow_run_id
            assert flow_run_id
            client.set_flow_run_state(flow_run_id, Cancelling())

    thread = meanwhile(cancel)
    with pytest.raises(Exception, match="stopped: run again to go on"):
        run(cluster.address, "linger", lingering(tmp_path / "waiting", 12))
    thread.join()
    stopped = sorted(path.name for path in (tmp_path / "waiting").glob("stopped-*"))
    started = {path.name.partition("-")[0] for path in (tmp_path / "waiting").glob("[0-9]*")}
    assert stopped == sorted(f"stopped-{number}" for number in started)
    assert len(started) < 12


def test_logs_of_workers_arrive_in_prefect(cluster: Cluster, tmp_path: Path) -> None:
    """What a task logs in a worker is in the log of its run."""
    (tmp_path / "go").touch()
    with temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}):
        run(cluster.address, "linger", lingering(tmp_path, 3))
    with get_client(sync_client=True) as client:
        messages = {log.message for log in eventually(lambda: client.read_logs(limit=200))}
    assert {"piece 0 begins", "piece 1 begins", "piece 2 begins"} <= messages


def test_a_worker_that_reports_to_another_server_is_refused(tmp_path: Path) -> None:
    """Else its task runs would be lost without a word."""
    other = "http://127.0.0.1:9/api"
    with (
        running_cluster(tmp_path, workers=1, PREFECT_API_URL=other) as running,
        pytest.raises(EngineUnavailable, match=f"reports to the Prefect server {other}"),
    ):
        run(running.address, "refuse", [{"number": 0}])


def test_a_worker_that_comes_later_is_checked_too(tmp_path: Path) -> None:
    """Before its first piece has ended."""
    (tmp_path / "cluster").mkdir()
    with running_cluster(tmp_path / "cluster", workers=1) as running:

        def join() -> None:
            eventually(lambda: begun(tmp_path / "waiting"))
            running.start_worker("late", PREFECT_API_URL="http://127.0.0.1:9/api")

        thread = meanwhile(join)
        with pytest.raises(EngineUnavailable, match="reports to the Prefect server"):
            run(running.address, "linger", lingering(tmp_path / "waiting", 6))
        thread.join()


def test_an_address_without_a_scheduler_is_refused_within_ten_seconds(cluster: Cluster) -> None:
    """Also where something else listens."""
    assert cluster
    for address in ("tcp://127.0.0.1:9", "tcp://no-such-host.invalid:8786"):
        started = time.monotonic()
        with pytest.raises(EngineUnavailable, match="no Dask scheduler answers at"):
            run(address, "refuse", [{"number": 0}])
        assert time.monotonic() - started < 10, "the bound that is promised"


def test_a_scheduler_without_workers_is_refused(tmp_path: Path) -> None:
    """After ten seconds, in which one may come."""
    with running_cluster(tmp_path, workers=0) as running:
        eventually(lambda: "Scheduler at" in running.log("scheduler"))
        with pytest.raises(EngineUnavailable, match="has no worker: start one with"):
            run(running.address, "refuse", [{"number": 0}])


def test_other_versions_are_refused(tmp_path: Path) -> None:
    """Of a scheduler or a worker: pickles and results depend on them."""
    changed = tmp_path / "changed" / "distributed-2020.1.0.dist-info"
    changed.mkdir(parents=True)
    (changed / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: distributed\nVersion: 2020.1.0\n"
    )
    commands = distribution("distributed").read_text("entry_points.txt")
    (changed / "entry_points.txt").write_text(str(commands))
    cluster = Cluster(tmp_path)
    try:
        cluster.start_scheduler(PYTHONPATH=str(changed.parent))
        cluster.start_worker("worker0")
        with pytest.raises(
            EngineUnavailable, match=r"the scheduler .* has distributed 2020.1.0, and this process"
        ):
            run(cluster.address, "refuse", [{"number": 0}])
    finally:
        cluster.stop_all()


def test_a_scheduler_or_a_worker_without_this_project_is_refused(tmp_path: Path) -> None:
    """In a sentence that names it, not where Dask reads the first piece."""
    hidden = tmp_path / "hidden"
    (hidden / "flows").mkdir(parents=True)
    (hidden / "flows" / "__init__.py").write_text("raise ImportError('no flows here')\n")
    for part in ("scheduler", "worker"):
        (tmp_path / part).mkdir()
        cluster = Cluster(tmp_path / part)
        path = {"PYTHONPATH": str(hidden), "PYTHONSAFEPATH": "1"}
        try:
            cluster.start_scheduler(**path if part == "scheduler" else {})
            cluster.start_worker("worker0", project, **path if part == "worker" else {})
            with pytest.raises(
                EngineUnavailable, match=f"the {part} .* cannot run this project's code"
            ):
                run(cluster.address, "refuse", [{"number": 0}])
        finally:
            cluster.stop_all()


def test_a_worker_in_another_folder_is_refused_where_the_store_is_relative(tmp_path: Path) -> None:
    """It would train into another store."""
    cluster = Cluster(tmp_path)
    try:
        cluster.start_scheduler()
        cluster.start_worker("worker0", cwd=tmp_path)
        with pytest.raises(EngineUnavailable, match="is another folder for the worker"):
            run(cluster.address, "refuse", [{"number": 0}], "data/store")
        assert [[0, None]] == run(cluster.address, "refuse", [{"number": 0}], tmp_path / "store")
    finally:
        cluster.stop_all()


def test_a_run_of_a_deployment_uses_only_schedulers_that_the_operator_lists(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Threads always serve."""
    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "of a deployment")
    with pytest.raises(OptionConflict, match=f"{cluster.address} is not in RNN_ENGINE_ALLOW"):
        run(cluster.address, "refuse", [{"number": 0}])
    assert [[0, None]] == run("threads:1", "refuse", [{"number": 0}])

    monkeypatch.setenv("RNN_ENGINE_ALLOW", f"tcp://other:1 {cluster.address}")
    assert [[0, None]] == run(cluster.address, "refuse", [{"number": 0}])
