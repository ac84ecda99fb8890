"""One run of a model at a time: the others wait, or stop, as `when_busy` says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency

from flows.exceptions import RunConflict
from flows.parameters import WhenBusy
from flows.runtime.server import server_url
from flows.storage.stores import open_store

lease_seconds = 60  # after a crash the next run waits no longer than this
patience_seconds = 10  # for the answer of a server whose slot is free


def exclusive_run(store: str, model: str, when_busy: WhenBusy) -> AbstractContextManager[None]:
    """Train `model` alone: under a lock of the store, else under a limit of the Prefect server.

    The lock is free as soon as its holder ends, so that a killed run can be started again at once.
    A slot of the limit is free when its lease has expired, a minute later. The embedded server has
    no limit, since no other run uses it: the store's log alone keeps one history.
    """
    wait = when_busy == "wait"

    def say_waiting() -> None:
        get_run_logger().warning("waiting for another run of model %s to end", model)

    path = f"models/{model}/lock"
    lock = open_store(store).lock(path, f"model {model}", wait=wait, on_wait=say_waiting)
    if lock is not None:
        return lock
    if server_url():
        return _limit(model, wait=wait, on_wait=say_waiting)
    return nullcontext()


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
        raise_on_lease_renewal_failure=False,  # a restart of the server ends no run
    )
