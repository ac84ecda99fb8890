"""One run of a model at a time: the others wait for their turn, or stop, as they were told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext

from prefect import get_run_logger
from prefect.client.orchestration import get_client
from prefect.concurrency.sync import concurrency
from prefect.settings import get_current_settings

from flows.parameters import WhenBusy
from flows.storage.exceptions import RunConflict
from flows.storage.files import open_store
from flows.storage.local_store import LocalStore
from flows.storage.locks import model_lock

lease_seconds = 60  # after a crash the next run waits no longer than this
patience_seconds = 10  # for the answer of a server whose slot is free


def turn(store: str, model: str, when_busy: WhenBusy) -> AbstractContextManager[None]:
    """Hold the turn of `model`: by a lock in a local store, else by a limit on the Prefect server.

    The lock is free as soon as its holder is gone, so that a killed run can be started again at
    once. A slot of the limit is free when its lease has run out, a minute later. With the embedded
    server there is no limit, since no other run sees it: the store's log alone keeps one history.
    """
    target, wait = open_store(store), when_busy == "wait"

    def say_waiting() -> None:
        get_run_logger().warning("waiting for another run of model %s to end", model)

    if isinstance(target, LocalStore):
        return model_lock(target, model, wait=wait, on_wait=say_waiting)
    if get_current_settings().api.url:
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
        raise_on_lease_renewal_failure=False,  # a restarted server loses no run
    )
