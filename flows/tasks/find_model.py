"""Task: find out whether a model is in the store."""

from __future__ import annotations

from flows.parameters import ModelName, StoreUrl
from flows.runtime.decorators import task
from flows.storage.runs import check_model
from flows.storage.stores import open_store


@task("find {model}")
def find_model(store: StoreUrl, model: ModelName) -> None:
    """Refuse a model that is not there, before a lock is made for it."""
    check_model(open_store(store), model)
