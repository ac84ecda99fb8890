"""Task: retrain one model of many, by the whole flow `retrain`."""

from __future__ import annotations

import time
from typing import Any

from httpx import HTTPError, HTTPStatusError
from prefect import State

from flows.exceptions import ModelDelayed, ModelFailed, RunCancelled
from flows.lifecycle.fleet.outcomes import outcome_of_version
from flows.references import ModelRow, OutcomeRef
from flows.results import RetrainResult
from flows.retrain import retrain
from flows.runtime.decorators import task
from flows.runtime.part import part_of_many
from flows.runtime.subflow import run_subflow

one_thread = "threads:1"  # models are trained side by side, not parts of one


@task()
def retrain_model(store: str, single_writer: bool, row: ModelRow) -> OutcomeRef:
    """What came of a model; a failure is one of this task, and stops no other model.

    It is tried again where Prefect's server did not answer: the tasks of `retrain` have tried again
    whatever else may pass.
    """
    started = time.monotonic()
    try:
        with part_of_many():
            state = run_subflow(
                retrain,
                **row.options,
                store=store,
                single_writer=single_writer,
                engine=one_thread,
            )
    except HTTPError as error:  # it could not even be begun
        raise _failure(error) from error
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
    failure = _failure(found)
    failure.flow_run_id, failure.seconds = flow_run_id, seconds
    raise failure


def _failure(error: Any) -> ModelFailed:
    """What to say of a model; `ModelDelayed` where Prefect's server did not answer, or not now."""
    is_delayed = isinstance(error, HTTPError)
    if isinstance(error, HTTPStatusError):
        is_delayed = error.response.is_server_error
    return (ModelDelayed if is_delayed else ModelFailed)(str(error) or type(error).__name__)
