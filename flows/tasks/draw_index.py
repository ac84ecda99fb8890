"""Task: draw the page of all models as HTML in the store."""

from __future__ import annotations

from prefect import get_run_logger

from flows.reporting.pages.index_page import write_index
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("draw the page of all models")
def draw_index(store: str) -> None:
    """Once at the end of a flow that changed some."""
    get_run_logger().info("page of all models: %s", write_index(open_store(store)))
