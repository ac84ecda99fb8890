"""What runs in a Dask worker: one task of a flow that is elsewhere."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module
from threading import Event, Thread
from typing import Any
from uuid import UUID

import httpx
from prefect import State, Task
from prefect.events.worker import EventsWorker
from prefect.logging.handlers import APILogWorker
from prefect.task_engine import run_task_sync

from flows.exceptions import StorageError
from flows.runtime.engines.places import place_of
from flows.runtime.interruption import stopped_together
from flows.storage import boundary

drain_seconds = 30  # for a server that answers slowly
ask_seconds = 5
watch_seconds = 2
last_seconds = 15  # to write a checkpoint


def run_piece(
    module: str,
    name: str,
    run_name: str,
    task_run_id: UUID,
    parameters: dict[str, Any],
    context: bytes,
) -> State[Any] | None:
    """Run a task of this worker's own code, as a task of the flow run that `context` is of.

    What it reports has reached the server when this returns: a later piece may be of another
    server, whose clients Prefect would not make anew.
    """
    task: Task[..., Any] = getattr(import_module(module), name)
    surroundings = _loaded(context)
    try:
        with stopped_when_unwanted(), boundary.of_deployment(bool(surroundings["deployment_id"])):
            return run_task_sync(
                task.with_options(task_run_name=run_name),
                task_run_id=task_run_id,
                parameters=parameters,
                context=surroundings,
                return_type="state",
            )
    finally:
        EventsWorker.drain_all(timeout=drain_seconds)
        APILogWorker.drain_all(timeout=drain_seconds)


@contextmanager
def stopped_when_unwanted() -> Iterator[None]:
    """Stop a piece that nobody waits for any more, since its flow's process was killed.

    Its checkpoint is written, and then, or after a while, the worker starts anew: what is left would
    wait for minutes for a server that has gone with the flow.
    """
    from distributed import get_worker

    worker, ended = get_worker(), Event()
    key = worker.get_current_task()

    def is_unwanted() -> bool:
        found = worker.state.tasks.get(key)
        return found is None or found.state == "cancelled"

    with stopped_together() as stop:

        def watch() -> None:
            while not ended.wait(watch_seconds):
                if is_unwanted():
                    stop()
                    if not ended.wait(last_seconds) and worker.nanny:
                        os._exit(0)  # its nanny starts another

        Thread(target=watch, daemon=True).start()
        try:
            yield
        finally:
            ended.set()


@lru_cache(maxsize=4)
def _loaded(context: bytes) -> dict[str, Any]:
    loaded: dict[str, Any] = pickle.loads(context)  # noqa: S301 - Dask sent it, which can run code
    return loaded


def is_there() -> bool:
    """Whether a process can run this project's code: it is sent by its name."""
    return True


def keys_begun(dask_worker: Any) -> list[str]:
    """The pieces that a worker is at; Dask passes it by this name."""
    return [task.key for task in dask_worker.state.executing]


def look_around(server: str, stores: tuple[str, ...]) -> dict[str, Any]:
    """What a worker sees: the server of its own environment, whether `server` answers, the stores."""
    return {
        "own_server": os.environ.get("PREFECT_API_URL"),
        "server": _trouble_with_server(server),
        "folder": os.getcwd(),  # noqa: PTH109 - as text, for a message
        "stores": {store: _seen(store) for store in stores},
    }


def _trouble_with_server(url: str) -> str | None:
    try:
        httpx.get(f"{url}/health", timeout=ask_seconds).raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return str(error)
    return None


def _seen(store: str) -> Any:
    """Which folder a local store is here; an error as text where another cannot be read."""
    try:
        return place_of(store)
    except StorageError as error:
        return str(error)
