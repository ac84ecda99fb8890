"""Task: find out which parts of a report are to be drawn."""

from __future__ import annotations

from flows.lifecycle.report_pieces import pieces_of
from flows.parameters import SamplingOptions
from flows.references import CheckpointRef
from flows.reporting.samples.writing import Report
from flows.runtime.decorators import task
from flows.storage.open_run import open_run


@task("plan the samples of checkpoint {checkpoint.iteration}")
def plan_report(
    checkpoint: CheckpointRef, sampling: SamplingOptions, week: str | None = None
) -> tuple[tuple[int, ...], ...]:
    """The numbers of the parts that are not in the store, in pieces of ten seconds or more."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    report = Report(opened, checkpoint.digest, sampling, week)
    return tuple(map(tuple, pieces_of(report)))
