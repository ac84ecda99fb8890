"""How a run ends in Prefect: its state and tags say what came of it, in the list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.runtime.interruption import OrCancelled, cancelled_meanwhile

Result = TypeVar("Result")


def completed(
    result: Result, outcome: str, sentence: str, warnings: Sequence[str] = ()
) -> OrCancelled[Result]:
    """What a flow returns: `result` in a state that is called after its outcome.

    Cancelled where the run was cancelled after its work was done.
    """
    if state := cancelled_meanwhile():
        return state
    tags = {outcome, *(["warning"] if warnings else [])}
    with suppress(Exception), get_client(sync_client=True) as client:  # tags are for display only
        run_id = UUID(flow_run.get_id())
        before = client.read_flow_run(run_id).tags
        client.update_flow_run(run_id, tags=sorted({*before, *tags}))
    message = "; ".join([sentence, *(f"warning: {warning}" for warning in warnings)])
    return Completed(name=outcome.title(), message=message, data=result)
