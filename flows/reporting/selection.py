"""Which checkpoint a report is about."""

from __future__ import annotations

from typing import NamedTuple

from flows.exceptions import UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, newest_run
from flows.storage.registry import Registry
from flows.storage.stores import Store


class Selected(NamedTuple):
    """A checkpoint of a run; `version` is its number if it is the model's champion."""

    run_id: str
    record: CheckpointRecord
    version: int | None


def select_checkpoint(store: Store, model: str, run_id: str | None) -> Selected:
    """The newest checkpoint of a run; by default the champion, or else of the newest run."""
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
