"""From the parameter `engine` to the workers that it names."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from prefect.task_runners import ThreadPoolTaskRunner

from flows.exceptions import EngineUnavailable
from flows.runtime.engines.workers import Workers


def thread_count(engine: str) -> int | None:
    """How many threads an engine is; None where it is no threads.

    >>> thread_count("threads:3"), thread_count("tcp://127.0.0.1:8786")
    (3, None)
    """
    kind, _, number = engine.partition(":")
    if kind != "threads":
        return None
    return int(number) if number else len(os.sched_getaffinity(0))


def check_engine(engine: str, *stores: str) -> None:
    """Refuse an engine that cannot be used, before a flow that may need it begins."""
    if not thread_count(engine):
        with engine_of(engine, *stores):
            pass


@contextmanager
def engine_of(engine: str, *stores: str) -> Iterator[Workers]:
    """The workers that `engine` names, for the tasks of a flow; each must reach the `stores`."""
    if threads := thread_count(engine):
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=threads)
        with runner:
            yield Workers(runner, threads)
        return
    with _dask().dask_workers(engine, stores) as workers:
        yield workers


@contextmanager
def executor_of(engine: str, *stores: str) -> Iterator[Executor]:
    """The same workers for small pieces inside one task, which are no tasks themselves."""
    if threads := thread_count(engine):
        with ThreadPoolExecutor(threads) as pool:
            yield pool
        return
    with _dask().dask_executor(engine, stores) as executor:
        yield executor


def _dask() -> ModuleType:
    """The module that needs the extra `dask`."""
    try:
        return import_module("flows.runtime.engines.dask")
    except ModuleNotFoundError as error:
        raise EngineUnavailable(
            f"the extra dask is not installed (no module {error.name}): pip install -e '.[dask]', or"
            " choose threads as engine"
        ) from error
