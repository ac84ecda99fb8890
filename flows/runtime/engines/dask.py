"""Dask workers: the same pieces, in other processes and on other machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager

from distributed import Client
from prefect_dask.task_runners import DaskTaskRunner

from flows.runtime.engines.workers import Workers


@contextmanager
def dask_workers(address: str, stores: Sequence[str]) -> Iterator[Workers]:
    """The workers of the scheduler at `address`, for tasks; each must reach the `stores`."""
    with DaskTaskRunner(address=address) as runner:
        del stores
        yield Workers(runner, len(runner.client.scheduler_info()["workers"]))


@contextmanager
def dask_executor(address: str) -> Iterator[Executor]:
    """The same, for small pieces inside one task."""
    with Client(address, set_as_default=False) as client:  # type: ignore[no-untyped-call]
        yield client.get_executor(pure=False)
