"""Task: sample a checkpoint into a report."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.now_and_then import NowAndThen
from flows.parameters import SamplingOptions
from flows.references import CheckpointRef, ReportRef
from flows.reporting.samples.writing import Report
from flows.runtime.decorators import task
from flows.storage import reports
from flows.storage.open_run import open_run

seconds_between = 10  # lines of progress


@task("sample checkpoint {checkpoint.iteration}")
def write_report(
    checkpoint: CheckpointRef, sampling: SamplingOptions, week: str | None = None
) -> ReportRef:
    """Draw the samples of a checkpoint and write them; what exists of them is not drawn again."""
    run, logger = checkpoint.run, get_run_logger()
    opened = open_run(run.store, run.model, run.run_id)
    report = Report(opened, checkpoint.digest, sampling, week)
    report_id, turns = report.place.report_id, NowAndThen(seconds_between)

    def show(drawn: int) -> None:
        if turns.is_due():
            logger.info("report %s: %s of %s samples", report_id, f"{drawn:,}", f"{total:,}")

    total = report.grid.samples
    if is_new := not report.is_complete():
        report.write(show)
    found = reports.describe(opened.store, opened.model, report_id)
    sentence = "report %s: %d rows in %s" if is_new else "report %s already exists: %d rows in %s"
    logger.info(sentence, report_id, found.rows, found.url)
    return ReportRef(store=run.store, report_id=report_id, url=found.url, rows=found.rows)
