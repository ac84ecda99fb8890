"""A flow that a task runs, as the child of this task."""

from __future__ import annotations

import time
from collections.abc import Callable
from http import HTTPStatus
from itertools import count
from typing import Any, cast
from uuid import UUID

import httpx
from prefect import Flow, State
from prefect.client.orchestration import SyncPrefectClient
from prefect.context import TaskRunContext
from prefect.exceptions import ObjectNotFound
from prefect.flow_engine import run_flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings
from prefect.states import Pending
from prefect.utilities.callables import get_call_parameters

from flows.runtime.client import own_client

again_seconds = 0.05
heard_seconds = 30


def run_subflow(flow: Flow[..., Any], **options: Any) -> State[Any]:
    """The last state of a run of `flow` with these options, the child of the task that calls this.

    Prefect's own call of a flow puts a second task run between the two. A server on SQLite refuses
    that one while it writes down that the first has begun, and the client would then wait for two
    seconds or more, which is a large part of the time of a small model.
    """
    parameters = get_call_parameters(flow.fn, (), options)
    with own_client(event_hooks={"response": [_ask_again_soon()]}) as client:
        flow_run = client.create_flow_run(
            flow,
            parameters=flow.serialize_parameters(parameters),
            state=Pending(),
            parent_task_run_id=_known_task_run(client),
        )
    # Heartbeats are of use for runs that a worker began; the end of each takes up to a second.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        state = run_flow(flow, flow_run, parameters=parameters, return_type="state")
    return cast("State[Any]", state)


def _known_task_run(client: SyncPrefectClient) -> UUID | None:
    """This task's run, when the server has heard of it, by an event; None where it never does."""
    context = TaskRunContext.get()
    assert context
    until = time.monotonic() + heard_seconds
    while time.monotonic() < until:
        try:
            return client.read_task_run(context.task_run.id).id
        except ObjectNotFound:
            time.sleep(again_seconds)
    return None


def _ask_again_soon() -> Callable[[httpx.Response], None]:
    """Let Prefect's client ask again soon where the database was busy, then later and later."""
    seconds = (again_seconds * 2**number for number in count())

    def ask_again(response: httpx.Response) -> None:
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response.headers.setdefault("Retry-After", str(next(seconds)))

    return ask_again
