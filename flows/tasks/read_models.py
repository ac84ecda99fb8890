"""Task: read a table of models."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.fleet import rows
from flows.parameters import SingleWriter, StoreUrl
from flows.references import ModelRow
from flows.runtime.decorators import task
from flows.storage.stores import check_store, open_store


@task("read the table of models")
def read_models(models: str, store: StoreUrl, single_writer: SingleWriter) -> tuple[ModelRow, ...]:
    """The rows of a table, each checked, before anything is trained."""
    found = rows.read_models(models)
    check_store(open_store(store), single_writer=single_writer)
    get_run_logger().info("%d models", len(found))
    return found
