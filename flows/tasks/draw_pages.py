"""Task: draw the page of a model, and that of all models, as HTML in the store."""

from __future__ import annotations

from prefect import get_run_logger

from flows.reporting.pages.index_page import write_pages
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("draw pages of {store}")
def draw_pages(store: str, model: str) -> str:
    """The address of the page of all models, once at the end of a flow that changed something."""
    url = write_pages(open_store(store), model)
    get_run_logger().info("page of all models: %s", url)
    return url
