"""Interruption: work in progress ends in order before a signal takes effect."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import lru_cache, partial
from threading import Event, Lock
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from prefect import State
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.context import FlowRunContext
from prefect.runtime import flow_run
from prefect.states import Cancelled, Cancelling, Running

from flows.exceptions import RunCancelled
from flows.runtime.background import BackgroundCall
from flows.runtime.client import own_client

Result = TypeVar("Result")
OrCancelled: TypeAlias = Result | State[Result]  # what a flow returns that may be cancelled

ask_seconds = 5  # between questions to the server
answer_seconds = 5


class Together:
    """Works in progress in threads of a pool, which no signal reaches: they are stopped together."""

    def __init__(self) -> None:
        self._events: set[Event] = set()
        self._is_stopped = False
        self._lock = Lock()

    def stop(self) -> None:
        """Set the events of all works, and of those that begin later."""
        with self._lock:
            self._is_stopped = True
            for event in self._events:
                event.set()

    @contextmanager
    def joined(self, stop: Event) -> Iterator[None]:
        """Let `stop` be set with the others."""
        with self._lock:
            self._events.add(stop)
            if self._is_stopped:
                stop.set()
        try:
            yield
        finally:
            with self._lock:
                self._events.discard(stop)


_together: ContextVar[Together] = ContextVar("together", default=Together())  # noqa: B039


@contextmanager
def stopped_together() -> Iterator[Callable[[], None]]:
    """A function that stops the works of tasks that are submitted to threads meanwhile."""
    works = Together()
    token = _together.set(works)
    try:
        yield works.stop
    finally:
        _together.reset(token)


def finish_when_interrupted(work: Callable[[Event], Result]) -> Result:
    """Run `work` and return its result; a signal sets its event, and is raised when it has ended.

    Signals reach the main thread alone, as TerminationSignal or KeyboardInterrupt at any byte code,
    so the work has a thread of its own. If Prefect's handler were replaced instead, its runner
    would report a cancelled run as crashed. A cancellation without a signal sets the event too;
    then the work's result is returned.
    """
    stop, question = Event(), question_of(flow_run.get_id())
    with _together.get().joined(stop), ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(copy_context().run, work, stop)
        try:
            while not wait([future], timeout=_seconds_to_question()).done:
                question.start(partial(_stop_if_cancelled, stop))
        except BaseException:
            stop.set()
            wait([future])
            raise
    return future.result()


@lru_cache(maxsize=64)
def question_of(run_id: str | None) -> BackgroundCall:  # noqa: ARG001 - the key
    """The question of a flow run to the server: one at a time, however short its chunks are.

    Two at once could both find the run marked as crashed, and both set it to Running.
    """
    return BackgroundCall()


def _stop_if_cancelled(stop: Event) -> None:
    if is_cancelled():
        stop.set()


def _seconds_to_question() -> float:
    """Time until the next question: by the clock, not counted from here, so short work asks too."""
    return ask_seconds - time.monotonic() % ask_seconds


def is_cancelled() -> bool:
    """Whether the server says that this flow run, or one above it, was cancelled.

    Prefect's worker sends a signal within a second. But after its server did not answer for half a
    minute, it sends none to runs that had started before. A run that the server has marked as
    crashed meanwhile is set to Running again: else it could not be cancelled any more.
    """
    run_id = flow_run.get_id()
    with suppress(
        Exception
    ):  # a failed question must not end the run; without an answer it goes on
        return bool(run_id) and any(map(_was_cancelled, (UUID(run_id), *_above(UUID(run_id)))))
    return False


@contextmanager
def while_cancelling() -> Iterator[None]:
    """Let the flow run be Cancelling meanwhile, so that its tasks in other processes see it."""
    run_id = flow_run.get_id()
    with _client() as client:
        before = client.read_flow_run(UUID(run_id)).state
        client.set_flow_run_state(UUID(run_id), Cancelling(), force=True)
        try:
            yield
        finally:
            if before and before.type is StateType.RUNNING:  # what ends the run sets its state
                client.set_flow_run_state(UUID(run_id), Running(), force=True)


def _was_cancelled(run_id: UUID) -> bool:
    if state := _ask(run_id):
        return state.is_cancelling() or state.is_cancelled()
    return False


def _ask(run_id: UUID) -> State[Any] | None:
    with _client() as client:
        state = client.read_flow_run(run_id).state
        if state and state.is_crashed() and _is_of_this_process(run_id):
            alive: State[Any] = Running(
                message="The server did not answer for a while; the run went on."
            )
            client.set_flow_run_state(run_id, alive, force=True)
        return state


def _is_of_this_process(run_id: UUID) -> bool:
    """Whether that flow runs here: a task in a worker elsewhere must not revive a dead flow."""
    here = FlowRunContext.get()
    if here is None or here.flow_run is None:
        return False
    return here.flow_run.id == run_id and not here.detached


def _above(run_id: UUID) -> Iterator[UUID]:
    """The flow runs whose tasks called the flow."""
    while above := _parent_of(run_id):
        yield above
        run_id = above


@lru_cache(maxsize=1024)
def _parent_of(run_id: UUID) -> UUID | None:
    with _client() as client:
        task_id = client.read_flow_run(run_id).parent_task_run_id
        return client.read_task_run(task_id).flow_run_id if task_id else None


def _client() -> SyncPrefectClient:
    """A client of its own: the flow run's is in use in another thread."""
    return own_client(timeout=answer_seconds)


def cancelled(error: RunCancelled) -> State[Any]:
    """What a flow returns that was cancelled."""
    return Cancelled(message=str(error))


def unless_cancelled(result: Result) -> OrCancelled[Result]:
    """What a flow returns: `result`, or Cancelled where it was cancelled after its work was done."""
    return cancelled_meanwhile() or result


def cancelled_meanwhile() -> State[Any] | None:
    """The state of a run that was cancelled after its work was done.

    Prefect would leave such a run Cancelling for ever.
    """
    if is_cancelled():
        return Cancelled(message="the run had finished before it was cancelled")
    return None
