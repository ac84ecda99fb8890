"""Tidying: what is removed of a whole store: datasets that nothing uses, and garbage."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from flows.exceptions import DamagedObject, NewerFormat
from flows.storage import dataset_use
from flows.storage.clock import store_time
from flows.storage.garbage import collect_garbage
from flows.storage.stores import Store


class TidyingPlan(BaseModel):
    """What is removed of a store, and what stands in the way of more."""

    model_config = ConfigDict(frozen=True)

    now: float  # by the store's clock
    datasets: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()


class Tidied(BaseModel):
    """What was removed of a store."""

    model_config = ConfigDict(frozen=True)

    datasets: tuple[str, ...]
    files: tuple[str, ...]  # that interrupted runs left
    obstacles: tuple[str, ...]


def plan_tidying(store: Store) -> TidyingPlan:
    """The datasets to remove now; nothing is written but a probe of the store's clock."""
    now = store_time(store)
    try:
        return TidyingPlan(now=now, datasets=tuple(dataset_use.unused(store, now)))
    except (DamagedObject, NewerFormat) as error:
        return TidyingPlan(now=now, obstacles=(f"no dataset is removed: {error}",))


def retain_store(store: Store) -> Tidied:
    """Remove the datasets of a store that nothing uses, and what interrupted runs left."""
    plan = plan_tidying(store)
    gone = [name for name in plan.datasets if dataset_use.remove(store, name, plan.now)]
    files = collect_garbage(store)
    return Tidied(datasets=tuple(gone), files=tuple(files), obstacles=plan.obstacles)
