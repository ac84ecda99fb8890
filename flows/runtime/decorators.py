"""The decorators of all flows and tasks: what a run did is in the store, so Prefect keeps nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import prefect
from prefect import Flow, Task
from prefect.cache_policies import NO_CACHE

from flows.runtime import logs
from flows.runtime.retries import retries

logs.install()  # whatever makes a flow or a task comes here

P = ParamSpec("P")
Steps = Sequence[Callable[[Any], dict[str, str]]]
R = TypeVar("R")

dry_run_steps: dict[str, Steps] = {}  # by name of the flow


def flow(*, run_name: Callable[[], str], dry_run: Steps) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """A flow whose runs are named by `run_name`.

    `dry_run` are the steps of `flows.dry_run` that find out what it would do.
    """

    def decorate(function: Callable[P, R]) -> Flow[P, R]:
        dry_run_steps[function.__name__] = dry_run
        return prefect.flow(
            name=function.__name__,
            flow_run_name=run_name,
            persist_result=False,
        )(function)

    return decorate


def task(
    run_name: str | None = None, *, retried: bool = True
) -> Callable[[Callable[P, R]], Task[P, R]]:
    """A task whose runs are named by the template `run_name`; retried after transient failures.

    It looks in the store for finished work first, so it may run again at any time; one that does
    not is not `retried`.
    """
    again = retries if retried else {}
    return prefect.task(
        task_run_name=run_name, cache_policy=NO_CACHE, persist_result=False, **again
    )
