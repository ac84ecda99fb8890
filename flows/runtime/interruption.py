"""Interruption: work in progress ends in order before a signal takes effect."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import lru_cache, partial
from threading import Event
from typing import Any, TypeAlias, TypeVar
from uuid import UUID

from prefect import State
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelled, Running

from flows.exceptions import RunCancelled
from flows.runtime.background import BackgroundCall

Result = TypeVar("Result")
OrCancelled: TypeAlias = Result | State[Result]  # what a flow returns that may be cancelled

ask_seconds = 15  # between questions to the server
answer_seconds = 5


def finish_when_interrupted(work: Callable[[Event], Result]) -> Result:
    """Run `work` and return its result; a signal sets its event, and is raised when it has ended.

    Signals reach the main thread alone, as TerminationSignal or KeyboardInterrupt at any byte code,
    so the work has a thread of its own. If Prefect's handler were replaced instead, its runner
    would report a cancelled run as crashed. A cancellation without a signal sets the event too;
    then the work's result is returned.
    """
    stop, question = Event(), question_of(flow_run.get_id())
    with ThreadPoolExecutor(max_workers=1) as pool:
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
    """Whether the server says that this flow run was cancelled; without an answer it was not.

    Prefect's worker sends a signal within a second. But after its server did not answer for half a
    minute, it sends none to runs that had started before. A run that the server has marked as
    crashed meanwhile is set to Running again: else it could not be cancelled any more.
    """
    run_id = flow_run.get_id()
    with suppress(Exception):  # a failed question must not end the run
        if run_id and (state := _ask(UUID(run_id))):
            return state.is_cancelling() or state.is_cancelled()
    return False


def _ask(run_id: UUID) -> State[Any] | None:
    # A client of its own: the flow run's is in use in another thread.
    settings = {"timeout": answer_seconds}
    with get_client(httpx_settings=settings, sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        if state and state.is_crashed():
            alive: State[Any] = Running(
                message="The server did not answer for a while; the run went on."
            )
            client.set_flow_run_state(run_id, alive, force=True)
        return state


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
