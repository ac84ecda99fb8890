"""One run of a model at a time: the others wait for their turn, or stop, as they were told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.settings import get_current_settings

from flows.parameters import WhenBusy
from flows.storage.exceptions import RunConflict
from flows.storage.files import open_store
from flows.storage.locks import model_lock

lease_seconds = 60  # after a crash the next run waits no longer than this
patience_seconds = 10  # for the answer of a server whose slot is free


@contextmanager
def turn(store: str, model: str, when_busy: WhenBusy) -> Iterator[None]:
    """Hold the turn of `model`: the server's limit where there is a server, and the store's lock.

    Runs with the embedded server take no limit: no other run sees it, and one that was killed
    would keep its successor waiting.
    """
    wait = when_busy == "wait"

    def say_waiting() -> None:
        get_run_logger().warning("waiting for another run of model %s to end", model)

    with ExitStack() as held:
        if get_current_settings().api.url:
            held.enter_context(_limit(model, wait=wait, on_wait=say_waiting))
        held.enter_context(model_lock(open_store(store), model, wait=wait, on_wait=say_waiting))
        yield


@contextmanager
def _limit(model: str, *, wait: bool, on_wait: Callable[[], None]) -> Iterator[None]:
    """A slot of the limit `train:<model>` on the server, which spans all deployments."""
    name = f"train:{model}"
    with get_client(sync_client=True) as client:
        client.upsert_global_concurrency_limit_by_name(name, 1)
    with ExitStack() as held:
        try:
            held.enter_context(_slot(name, patience_seconds))
        except TimeoutError:
            if not wait:
                raise RunConflict(
                    f"model {model} is being trained by another run on this Prefect server:"
                    " let it end, or set when_busy to wait"
                ) from None
            on_wait()
            held.enter_context(_slot(name, None))
        yield


def _slot(name: str, timeout_seconds: float | None) -> AbstractContextManager[None]:
    return concurrency(
        name,
        timeout_seconds=timeout_seconds,
        lease_duration=lease_seconds,
        strict=True,
        raise_on_lease_renewal_failure=False,  # a restarted server loses no run
    )
