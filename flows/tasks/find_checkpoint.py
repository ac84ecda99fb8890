"""Task: find the checkpoint that a report is about."""

from __future__ import annotations

from flows.lifecycle.estimates import estimate_report
from flows.lifecycle.limits import limits_of
from flows.lifecycle.referring import checkpoint_reference, run_reference
from flows.parameters import SamplingOptions
from flows.references import CheckpointRef
from flows.reporting.selection import select_checkpoint
from flows.runtime.decorators import task
from flows.storage.open_run import open_run
from flows.storage.stores import open_store


@task("find the checkpoint of {model} to report on")
def find_checkpoint(
    store: str, model: str, run_id: str | None, version: int | None, sampling: SamplingOptions
) -> CheckpointRef:
    """The newest checkpoint of a run, or that of a version; by default the champion, or else of the
    newest run.

    Samples above the limits are refused.
    """
    selected = select_checkpoint(open_store(store), model, run_id, version)
    opened = open_run(store, model, selected.run_id)
    limits_of(opened.store).check(estimate_report(opened, selected.record, sampling))
    run = run_reference(store, opened, selected.record.corpus)
    return checkpoint_reference(run, opened, selected.record)
