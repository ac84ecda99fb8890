"""Which datasets are in use: named by a run of any model, or taken up within a day.

A flow that takes up a dataset which no run names yet says so in the dataset's log; so does the
removal of a run, since another flow may have counted on it and wait for its turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from flows.exceptions import DamagedObject, NewerFormat, StorageError, UnknownObject
from flows.storage import datasets
from flows.storage.clock import last_write, store_time
from flows.storage.datasets import dataset_folder, is_dataset_id
from flows.storage.log import Log
from flows.storage.runs import load_run, models, runs_of
from flows.storage.stores import Store

kind = "taken up"  # of the records
again_seconds = 3600.0  # a dataset that was written or taken up since is not taken up again
grace_seconds = 24 * 3600.0  # from that to its removal


class TakenUp(BaseModel):
    """Why a dataset is in use, though no run names it."""

    model_config = ConfigDict(frozen=True)

    reason: str


class RunName(NamedTuple):
    """A run of a model."""

    model: str
    run_id: str


def take_up(store: Store, dataset_id: str, reason: str, *, besides: RunName | None = None) -> None:
    """Record that a dataset is in use; not where a run names it, or where that is recent.

    `besides` is a run that does not count, since it is being removed.
    """
    if not datasets.exists(store, dataset_id) or dataset_id in _named(store, besides):
        return
    if last_use(store, dataset_id) < store_time(store) - again_seconds:
        log = Log(store, f"{dataset_folder(dataset_id)}/log")
        log.update(kind, lambda _: TakenUp(reason=reason))


def last_use(store: Store, dataset_id: str) -> float:
    """When a dataset was written or taken up last, by the store's clock."""
    folder = dataset_folder(dataset_id)
    return last_write(store, folder, f"{folder}/log")


def unused(store: Store, now: float) -> list[str]:
    """Datasets, and leftovers of some, that no run names, and that were not used within a day.

    Raises `DamagedObject` or `NewerFormat` where the description of a run cannot be read: it may
    name any of them.
    """
    old = [name for name in store.names("datasets") if _is_old(store, name, now)]
    if not old:
        return []
    named = set(_named(store))
    for error in named:
        if isinstance(error, StorageError):
            raise error
    return [name for name in old if name not in named]


def remove(store: Store, dataset_id: str, now: float) -> bool:
    """Remove a dataset that is not used, its manifest first: without it there is no dataset.

    False where it was taken up meanwhile.
    """
    if not _is_old(store, dataset_id, now):
        return False
    folder = dataset_folder(dataset_id)
    for name in ("manifest.json", "profile.json", "vocabulary.json", "tokens.npy"):
        store.remove(f"{folder}/{name}")
    Log(store, f"{folder}/log").remove()
    store.remove_folders(folder)
    store.cache.forget(dataset_id)
    return True


def _is_old(store: Store, name: str, now: float) -> bool:
    return is_dataset_id(name) and last_use(store, name) < now - grace_seconds


def _named(
    store: Store, besides: RunName | None = None
) -> Iterator[str | DamagedObject | NewerFormat]:
    """The dataset of each run of each model, or why that cannot be told."""
    for model in models(store):
        for run_id in runs_of(store, model):
            try:
                if besides != (model, run_id):
                    yield load_run(store, model, run_id).dataset_id
            except UnknownObject:  # without its description a run is what its removal left
                continue
            except (DamagedObject, NewerFormat) as error:
                yield error
