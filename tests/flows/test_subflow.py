"""Flows that tasks run: children of these tasks, also where the server's database is busy."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from uuid import UUID, uuid4

import httpx
import pytest
from prefect import State, flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import TaskRunFilter, TaskRunFilterFlowRunId
from prefect.settings import get_current_settings

from flows.runtime import subflow
from flows.runtime.client import own_client
from flows.runtime.subflow import run_subflow

many = 60


@flow
def child(number: int, factor: int = 10) -> int:
    """A flow that fails for an odd number."""
    if number % 2:
        raise ValueError("an odd number")
    return number * factor


@task
def call(number: int) -> State[int]:
    return run_subflow(child, number=number)


@flow
def parent() -> tuple[UUID, list[State[int]]]:
    from prefect.runtime import flow_run

    return UUID(flow_run.get_id()), [call(2), call(3)]


def test_the_flow_is_the_child_of_the_task_that_runs_it() -> None:
    """Without a task between; its state is that of the flow, with defaults of its parameters."""
    flow_run_id, (good, bad) = parent()

    with get_client(sync_client=True) as client:
        of_parent = TaskRunFilterFlowRunId(any_=[flow_run_id])
        tasks = client.read_task_runs(task_run_filter=TaskRunFilter(flow_run_id=of_parent))
        children = [
            client.read_flow_run(state.state_details.flow_run_id)
            for state in (good, bad)
            if state.state_details.flow_run_id
        ]
    assert 20 == good.result()
    assert bad.is_failed()
    assert {each.id for each in tasks} == {each.parent_task_run_id for each in children}
    assert [{"number": 2, "factor": 10}, {"number": 3, "factor": 10}] == [
        each.parameters for each in children
    ]


def test_a_server_that_never_hears_of_the_task_runs_the_flow_nevertheless(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The flow has no parent then."""
    monkeypatch.setattr(subflow, "heard_seconds", -1)
    _, (good, _) = parent()

    with get_client(sync_client=True) as client:
        assert good.state_details.flow_run_id
        assert client.read_flow_run(good.state_details.flow_run_id).parent_task_run_id is None
    assert 20 == good.result()


def test_a_busy_server_is_asked_again_soon_and_then_later() -> None:
    waits = []
    hook = subflow._ask_again_soon()
    for _ in range(4):
        response = httpx.Response(HTTPStatus.SERVICE_UNAVAILABLE)
        hook(response)
        waits.append(float(response.headers["Retry-After"]))
    good, told = httpx.Response(200), httpx.Response(503, headers={"Retry-After": "7"})
    hook(good)
    hook(told)

    assert waits == [0.05, 0.1, 0.2, 0.4]
    assert ("7", False) == (told.headers["Retry-After"], "Retry-After" in good.headers)


@pytest.fixture
def api() -> Iterator[httpx.Client]:
    """The server's API, without Prefect's client, which would ask again."""
    with httpx.Client(base_url=str(get_current_settings().api.url), timeout=60) as client:
        yield client


def test_the_embedded_server_refuses_none_of_many_writes_at_once(api: httpx.Client) -> None:
    """Prefect's own answers some of them with 503, since they begin as readers."""
    flow_id = api.post("/flows/", json={"name": "many"}).json()["id"]
    run = api.post("/flow_runs/", json={"flow_id": flow_id, "state": {"type": "RUNNING"}}).json()

    def create(_: int) -> int:
        body = {"flow_run_id": run["id"], "task_key": "key", "dynamic_key": str(uuid4())}
        return api.post("/task_runs/", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert {HTTPStatus.CREATED} == set(pool.map(create, range(many)))


def test_a_client_of_a_server_without_tls_loads_no_certificates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """That takes longer than the question that it is made for."""
    monkeypatch.setattr(ssl, "create_default_context", None)
    with own_client(timeout=5) as client:
        assert HTTPStatus.OK == client.hello().status_code
