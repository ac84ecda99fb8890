"""Stopping well: a signal lets the work at hand come to a good end before it takes effect."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from threading import Event
from typing import Any, TypeVar
from uuid import UUID

from prefect import State
from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Cancelled, Running

from flows.aside import Aside

Result = TypeVar("Result")

ask_seconds = 15  # between questions to the server
answer_seconds = 5


def finish_when_interrupted(work: Callable[[Event], Result]) -> Result:
    """Run `work` and return its result; a signal sets its event and is raised when it has ended.

    Signals reach the main thread alone, as TerminationSignal or KeyboardInterrupt at any byte code,
    so the work has a thread of its own. Replacing Prefect's handler instead would make its runner
    take a cancelled run for a crashed one. A cancel that no signal brought sets the event too; then
    the work's result is returned.
    """
    stop, question = Event(), Aside()
    with ThreadPoolExecutor(max_workers=1) as pool:
        future = pool.submit(copy_context().run, work, stop)
        try:
            while not wait([future], timeout=_seconds_to_question()).done:
                question.run(partial(_stop_if_cancelled, stop))
        except BaseException:
            stop.set()
            wait([future])
            raise
    return future.result()


def _stop_if_cancelled(stop: Event) -> None:
    if is_cancelled():
        stop.set()


def _seconds_to_question() -> float:
    """How long until the clock says to ask: not counted from here, so that short works ask too."""
    return ask_seconds - time.monotonic() % ask_seconds


def is_cancelled() -> bool:
    """Whether the server says that somebody cancelled this flow run; no answer is a no.

    Prefect's worker brings a cancel by a signal, within a second; but when its server was away for
    half a minute it no longer does, for the runs of before. A run that the server, back after long,
    took for dead is reported alive: else it could not be cancelled any more.
    """
    run_id = flow_run.get_id()
    with suppress(Exception):  # a question ends no run, whatever answers
        if run_id and (state := _ask(UUID(run_id))):
            return state.is_cancelling() or state.is_cancelled()
    return False


def _ask(run_id: UUID) -> State[Any] | None:
    # A client of its own: it is used beside the flow run's, in another thread.
    settings = {"timeout": answer_seconds}
    with get_client(httpx_settings=settings, sync_client=True) as client:
        state = client.read_flow_run(run_id).state
        if state and state.is_crashed():
            alive: State[Any] = Running(message="The server was away; the run was not.")
            client.set_flow_run_state(run_id, alive, force=True)
        return state


def unless_cancelled(outcome: Result) -> Result | State[Result]:
    """What a flow returns: its outcome, or that it was cancelled when it had nothing left to stop.

    Prefect would leave such a run Cancelling for ever.
    """
    if is_cancelled():
        return Cancelled(message="all was done when the cancel was heard")
    return outcome
