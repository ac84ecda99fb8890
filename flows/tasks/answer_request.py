"""Task: answer a request about a model's versions."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger

from flows.answers import answer
from flows.registry_results import Answer
from flows.runtime.decorators import task


@task("{request[action]} of {request[model]}", retried=False)
def answer_request(request: dict[str, Any]) -> Answer:
    """The answer, which is in the log of the run too.

    It is not tried again: a rollback that was done after all would go one further back.
    """
    found = answer(**request)
    for name, value in found.table().items():
        get_run_logger().info("%s: %s", name, value)
    return found
