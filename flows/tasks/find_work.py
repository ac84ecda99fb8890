"""Task: find out what a request to train comes to."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.referring import work_reference
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import find_work as find
from flows.references import DatasetRef, WorkRef
from flows.runtime.decorators import task
from flows.storage import datasets
from flows.storage.stores import open_store


@task("find the work of {request.model}")
def find_work(dataset: DatasetRef, request: TrainingRequest) -> WorkRef:
    """The run that serves a request: one that is in the store, or a new one and where it starts."""
    store = open_store(dataset.store)
    work = find(store, datasets.load(store, dataset.dataset_id), request)
    get_run_logger().info(
        "run %s of model %s, from %s", work.run.run_id, request.model, work.starts_from
    )
    return work_reference(dataset, request.model, store, work)
