"""Which checkpoint a report is about."""

from __future__ import annotations

from typing import NamedTuple

from flows.exceptions import OptionConflict, UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, newest_run
from flows.storage.registry import Registry
from flows.storage.stores import Store


class Selected(NamedTuple):
    """A checkpoint of a run; `version` is its number if it was asked for or is the champion."""

    run_id: str
    record: CheckpointRecord
    version: int | None


def select_checkpoint(
    store: Store, model: str, run_id: str | None, version: int | None = None
) -> Selected:
    """The newest checkpoint of a run, or that of a version; by default the champion, or else of the
    newest run.
    """
    if run_id is not None and version is not None:
        raise OptionConflict("a report is about a run_id or a version: give one of them, not both")
    if version is not None:
        registry = Registry(store, model)
        found = registry.intact(registry.version(version))
        return Selected(found.version.run_id, found.record, found.number)
    if run_id is None:
        if champion := Registry(store, model).champion():
            return Selected(champion.version.run_id, champion.record, champion.number)
        run_id = newest_run(store, model)
    log = CheckpointLog(store, model, run_id)
    newest = log.newest()
    if newest is None:
        log.check_not_removed()
        raise UnknownObject(
            f"run {run_id} of model {model} has no intact checkpoint: train it first"
        )
    return Selected(run_id, newest.record, None)
