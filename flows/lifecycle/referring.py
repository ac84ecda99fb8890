"""References to runs and checkpoints, made from what was found in the store."""

from __future__ import annotations

from flows.references import CheckpointRef, RunRef
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.open_run import OpenRun


def run_reference(store: str, opened: OpenRun, corpus: tuple[str, ...]) -> RunRef:
    """The reference to a run in the store at URL `store`."""
    return RunRef(
        store=store,
        model=opened.model,
        run_id=opened.run_id,
        dataset_id=opened.run.dataset_id,
        corpus=corpus,
    )


def checkpoint_reference(run: RunRef, opened: OpenRun, record: CheckpointRecord) -> CheckpointRef:
    """The reference to a checkpoint of `run`."""
    return CheckpointRef(
        run=run,
        iteration=record.iteration,
        digest=record.digest,
        url=opened.store.location(opened.log.payload_path(record.digest)),
        characters_per_second=record.characters_per_second,
    )
