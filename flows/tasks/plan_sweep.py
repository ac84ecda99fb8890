"""Task: find the run of each cell of a sweep."""

from __future__ import annotations

from prefect import get_run_logger

from flows.lifecycle.limits import limits_of
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.sweeps.cells import cells_of
from flows.lifecycle.sweeps.plan import estimate_sweep, plan_cells, sweep_reference
from flows.parameters import SweepOptions
from flows.references import DatasetRef, SweepRef
from flows.runtime.decorators import task
from flows.storage import datasets
from flows.storage.stores import open_store


@task("find the cells of {request.model}")
def plan_sweep(
    dataset: DatasetRef, request: TrainingRequest, options: SweepOptions, workers: int
) -> SweepRef:
    """The cells of a sweep, each checked with the text; more than the limits allow is refused."""
    store = open_store(dataset.store)
    text = datasets.load(store, dataset.dataset_id)
    planned = plan_cells(store, text, cells_of(request, options), options)
    limits_of(store).check(estimate_sweep(store, text, planned, options.factor, workers))
    most = request.evaluation.maximum_characters
    found = sweep_reference(store, dataset, planned, options, most)
    get_run_logger().info(
        "sweep %s: %d cells, %d runs", found.sweep_id, len(found.cells), len(found.runs)
    )
    return found
