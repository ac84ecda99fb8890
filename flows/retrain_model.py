"""Task: retrain one model of many, by the whole flow `retrain`."""

from __future__ import annotations

import time
from typing import Any, cast

from prefect import State

from flows.exceptions import ModelFailed, RunCancelled
from flows.lifecycle.fleet.outcomes import outcome_of_version
from flows.references import ModelRow, OutcomeRef
from flows.results import RetrainResult
from flows.retrain import retrain
from flows.runtime.decorators import task
from flows.runtime.part import part_of_many


@task(retried=False)  # the tasks of `retrain` are: what is wrong after that stays wrong
def retrain_model(store: str, single_writer: bool, row: ModelRow) -> OutcomeRef:
    """What came of a model; a failure is one of this task, and stops no other model."""
    started = time.monotonic()
    with part_of_many():
        state = cast(
            "State[Any]",
            retrain(**row.options, store=store, single_writer=single_writer, return_state=True),
        )
    seconds, flow_run_id = time.monotonic() - started, str(state.state_details.flow_run_id)
    result = _result(state, seconds, flow_run_id)
    return outcome_of_version(store, row, result.version, result.outcome, seconds, flow_run_id)


def _result(state: State[Any], seconds: float, flow_run_id: str) -> RetrainResult:
    """The result of a retraining; `RunCancelled` or `ModelFailed` where there is none."""
    if state.is_cancelled() or state.is_cancelling():
        raise RunCancelled(state.message or "cancelled")
    found = state.result(raise_on_failure=False)
    if isinstance(found, RetrainResult):
        return found
    error = ModelFailed(str(found) or type(found).__name__)
    error.flow_run_id, error.seconds = flow_run_id, seconds
    raise error
