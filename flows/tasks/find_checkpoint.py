"""Task: find the checkpoint that a report is about."""

from __future__ import annotations

from flows.lifecycle.referring import checkpoint_reference, run_reference
from flows.references import CheckpointRef
from flows.reporting.selection import select_checkpoint
from flows.runtime.decorators import task
from flows.storage.open_run import open_run
from flows.storage.stores import open_store


@task("find the checkpoint of {model} to report on")
def find_checkpoint(store: str, model: str, run_id: str | None) -> CheckpointRef:
    """The newest checkpoint of a run; by default the champion, or else of the newest run."""
    selected = select_checkpoint(open_store(store), model, run_id)
    opened = open_run(store, model, selected.run_id)
    run = run_reference(store, opened, selected.record.corpus)
    return checkpoint_reference(run, opened, selected.record)
