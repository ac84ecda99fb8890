"""Dask workers: the same pieces, in other processes and on other machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Executor
from contextlib import contextmanager, suppress
from typing import Any
from uuid import UUID, uuid4

import cloudpickle  # type: ignore[import-untyped]
from distributed import Client, KilledWorker, wait
from distributed.client import ClosedClientError, FutureCancelledError
from distributed.comm import CommClosedError
from httpx import HTTPError, HTTPStatusError
from prefect import State, Task
from prefect.client.orchestration import get_client
from prefect.context import serialize_context
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Crashed
from prefect_dask.task_runners import DaskTaskRunner, PrefectDaskFuture

from flows.exceptions import EngineLost, EngineUnavailable
from flows.runtime.engines.dask_checks import check_cluster
from flows.runtime.engines.dask_piece import keys_begun, run_piece
from flows.runtime.engines.places import check_engine_allowed, check_reach
from flows.runtime.engines.workers import Outcome, Piece, Waiting, Workers
from flows.runtime.interruption import while_cancelling

connect_seconds = 8
last_seconds = 30  # for pieces in progress to write their checkpoints

lost = (CommClosedError, CancelledError, FutureCancelledError, ClosedClientError)


@contextmanager
def dask_workers(address: str, stores: Sequence[str]) -> Iterator[Workers]:
    """The workers of the scheduler at `address`, for tasks; each must reach the `stores`."""
    check_engine_allowed(address)
    check_reach(address, stores)
    with DaskTaskRunner(address=address, client_kwargs={"timeout": connect_seconds}) as runner:
        with _connecting(address):
            client = runner.client
        yield DaskWorkers(runner, client, address, stores)


@contextmanager
def dask_executor(address: str, stores: Sequence[str]) -> Iterator[Executor]:
    """The same, for small pieces inside one task."""
    check_engine_allowed(address)
    check_reach(address, stores)
    with _connecting(address):
        client = Client(address, timeout=connect_seconds, set_as_default=False)
    with client:
        check_cluster(client, address, stores, set())
        try:
            yield client.get_executor(pure=False)
        except KilledWorker as error:
            raise EngineLost(_killed("a piece of the work", error)) from error
        except lost as error:
            raise EngineLost(_lost(address)) from error


@contextmanager
def _connecting(address: str) -> Iterator[None]:
    try:
        yield
    except (OSError, TypeError, ValueError) as error:  # TypeError: tls without certificates
        raise EngineUnavailable(
            f"no Dask scheduler answers at {address} ({error}): start one, for example with `make"
            " cluster`, or choose threads as engine"
        ) from error


def _lost(address: str) -> str:
    return f"the Dask scheduler at {address} has gone: start it, and run again to go on"


def _killed(name: str, error: KilledWorker) -> str:
    failures, worker = error.allowed_failures + 1, error.last_worker.address
    return (
        f"{name}: {failures} workers died while they ran it, the last one {worker}: look at its"
        " memory and its log"
    )


class DaskWorkers(Workers):
    """The workers of a Dask cluster, behind Prefect's task runner for it."""

    def __init__(
        self, runner: DaskTaskRunner, client: Client, address: str, stores: Sequence[str]
    ) -> None:
        self._client, self._address, self._stores = client, address, tuple(stores)
        self._checked: set[str] = set()  # addresses of workers
        self._is_lost = False
        # Prefect's runner makes it anew for each task, which takes most of the time of a submission.
        self._context = cloudpickle.dumps(serialize_context())
        self._check()
        super().__init__(runner, sum(map(int, client.nthreads().values())))

    def _check(self) -> None:
        """Check the workers that have come since the last time."""
        if self._client.status != "running":
            raise self._gone()
        with self._while_there():
            self._checked |= check_cluster(self._client, self._address, self._stores, self._checked)

    @contextmanager
    def _while_there(self) -> Iterator[None]:
        try:
            yield
        except lost as error:
            raise self._gone() from error

    def _submit(self, task: Task[..., Any], piece: Piece) -> tuple[Any, PrefectFuture[Any]]:
        function, task_run_id = task.fn, uuid4()
        with self._while_there():
            future = self._client.submit(
                run_piece,
                module=function.__module__,
                name=function.__name__,
                run_name=piece.name,
                task_run_id=task_run_id,
                parameters=piece.arguments,
                context=self._context,
                pure=False,
                key=f"{function.__name__}-{task_run_id}",
            )
        return future, PrefectDaskFuture(task_run_id=task_run_id, wrapped_future=future)

    def _outcome(
        self, task: Task[..., Any], piece: Piece, submitted: PrefectFuture[Any]
    ) -> Outcome:
        try:
            return super()._outcome(task, piece, submitted)
        except KilledWorker as error:
            message = _killed(piece.name, error)
            _set_crashed(task, piece, submitted.task_run_id, message)
            return Outcome(piece, None, EngineLost(message))
        except lost as error:
            _set_crashed(task, piece, submitted.task_run_id, _lost(self._address))
            raise self._gone() from error

    def _gone(self) -> EngineLost:
        self._is_lost = True
        return EngineLost(_lost(self._address))

    def _end(self, task: Task[..., Any], waiting: Waiting) -> None:
        """Cancel what no worker has begun; the others see that the flow run is being cancelled."""
        if self._is_lost:
            for piece, submitted in waiting.values():
                _set_crashed(task, piece, submitted.task_run_id, _lost(self._address))
            return
        with suppress(*lost, OSError, HTTPError), while_cancelling(), self._client.as_current():
            begun = {key for keys in self._client.run(keys_begun).values() for key in keys}
            self._client.cancel([each for each in waiting if each.key not in begun], force=True)
            wait([each for each in waiting if each.key in begun], timeout=last_seconds)


def _set_crashed(task: Task[..., Any], piece: Piece, task_run_id: UUID, message: str) -> None:
    """Say in Prefect what became of a task whose worker cannot say it, and may never have."""
    state: State[Any] = Crashed(message=message)
    key, of_flow = str(task_run_id), UUID(flow_run.get_id())
    with suppress(Exception), get_client(sync_client=True) as client:  # it is for display only
        with suppress(HTTPStatusError):  # it has begun; the server hears of that with a delay
            client.create_task_run(task, of_flow, key, task_run_id, piece.name, state=state)
        seen = client.read_task_run(task_run_id).state
        if seen is None or not seen.is_final():
            client.set_task_run_state(task_run_id, state, force=True)
