"""Task: sample a checkpoint into a report."""

from __future__ import annotations

from prefect import get_run_logger

from flows.parameters import SamplingOptions
from flows.references import CheckpointRef, ReportRef
from flows.reporting.writing import sample_into_report
from flows.runtime.decorators import task
from flows.storage import reports
from flows.storage.open_run import open_run


@task("sample checkpoint {checkpoint.iteration}")
def write_report(checkpoint: CheckpointRef, sampling: SamplingOptions) -> ReportRef:
    """Draw the samples of a checkpoint and write them; an existing report is not written again."""
    run = checkpoint.run
    opened = open_run(run.store, run.model, run.run_id)
    report_id, is_new = sample_into_report(opened, checkpoint.digest, sampling)
    table = reports.load(opened.store, opened.model, report_id)
    url = opened.store.location(reports.report_path(opened.model, report_id))
    sentence = "report %s: %d rows in %s" if is_new else "report %s already exists: %d rows in %s"
    get_run_logger().info(sentence, report_id, table.num_rows, url)
    return ReportRef(store=checkpoint.run.store, report_id=report_id, url=url, rows=table.num_rows)
