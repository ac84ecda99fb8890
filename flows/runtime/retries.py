"""Retries: after transient failures of input and output, never after bad input."""

from __future__ import annotations

from typing import Any

from prefect import State, Task
from prefect.client.schemas.objects import TaskRun
from prefect.tasks import exponential_backoff

from flows.exceptions import TransientError, expected_errors
from flows.storage.failures import is_transient


def should_retry(
    task: Task[..., Any],  # noqa: ARG001 - Prefect calls it with these names
    task_run: TaskRun,  # noqa: ARG001
    state: State[Any],
) -> bool:
    """Whether a task failed for a transient reason: by the type of an error of ours."""
    error = state.result(raise_on_failure=False)
    if isinstance(error, expected_errors):
        return isinstance(error, TransientError)
    return isinstance(error, Exception) and is_transient(error)


# After 2, 4 and 8 seconds, each up to half as long again, so that many runs do not return at once.
retries: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(2),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": should_retry,
}
