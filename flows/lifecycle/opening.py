"""From a reference to the opened run, and from what was found in it to a reference."""

from __future__ import annotations

from flows.references import CheckpointRef, RunRef
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.open_run import OpenRun
from flows.storage.stores import open_store


def opened_run(run: RunRef) -> OpenRun:
    """The run that is referred to; nothing is read yet."""
    return OpenRun(open_store(run.store), run.model, run.run_id)


def run_reference(store: str, opened: OpenRun, corpus: tuple[str, ...]) -> RunRef:
    """The reference to a run in the store at URL `store`."""
    return RunRef(
        store=store,
        model=opened.model,
        run_id=opened.run_id,
        dataset_id=opened.run.dataset_id,
        iterations_per_epoch=opened.iterations_per_epoch,
        corpus=corpus,
    )


def checkpoint_reference(run: RunRef, record: CheckpointRecord) -> CheckpointRef:
    """The reference to a checkpoint of `run`."""
    opened = opened_run(run)
    return CheckpointRef(
        run=run,
        iteration=record.iteration,
        digest=record.digest,
        url=opened.store.location(opened.log.payload_path(record.digest)),
        characters_per_second=record.characters_per_second,
    )
