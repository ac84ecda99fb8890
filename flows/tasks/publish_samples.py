"""Task: draw the page of a report, and show its samples in Prefect's UI."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.artifacts import show_samples
from flows.references import ReportRef
from flows.reporting.pages.report_page import find_page, write_report_page
from flows.runtime.decorators import task
from flows.storage import reports
from flows.storage.stores import open_store


@task("publish samples of {model}")
def publish_samples(model: str, report: ReportRef, *, again: bool = True) -> str:
    """The address of the report's page, which is drawn where there is none, or again."""
    store, report_id = open_store(report.store), report.report_id
    page = None if again else find_page(store, model, report_id)
    page = page or write_report_page(store, model, report_id)
    found = reports.describe(store, model, report_id)
    show_samples(report.store, model, found.first, {"page": page, "report": report.url})
    get_run_logger().info("page of report %s: %s", report_id, page)
    return page
