"""Task: draw the page of a report, and show its samples in Prefect's UI."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.artifacts import show_samples
from flows.references import ReportRef
from flows.reporting.report_page import write_report_page
from flows.runtime.decorators import task
from flows.storage import reports
from flows.storage.stores import open_store


@task("publish samples of {model}")
def publish_samples(model: str, report: ReportRef) -> str:
    """The address of the report's page; it is drawn again, since a decision may be new."""
    store = open_store(report.store)
    page = write_report_page(store, model, report.report_id)
    table = reports.load(store, model, report.report_id)
    show_samples(report.store, model, table, {"page": page, "report": report.url})
    get_run_logger().info("page of report %s: %s", report.report_id, page)
    return page
