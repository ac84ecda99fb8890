"""Task: draw the page of a model, and that of all models, as HTML in the store."""

from __future__ import annotations

from prefect import get_run_logger

from flows.reporting.pages.index_page import write_index
from flows.reporting.pages.model_page import write_page
from flows.runtime.decorators import task
from flows.storage.stores import open_store


@task("draw pages of {store}")
def draw_pages(store: str, model: str, *, index: bool) -> None:
    """Once at the end of a flow that changed a model; the `index` is drawn once for many."""
    opened = open_store(store)
    write_page(opened, model)
    if index:
        get_run_logger().info("page of all models: %s", write_index(opened))
