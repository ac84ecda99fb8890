"""Task: find how far a run is, or start it."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.terminal import live_training
from flows.lifecycle.opening import checkpoint_reference, run_reference
from flows.lifecycle.preparation import prepare
from flows.lifecycle.request import TrainingRequest
from flows.references import CheckpointRef, DatasetRef
from flows.runtime.decorators import task
from flows.storage.open_run import open_run


@task("prepare run of {request.model}")
def prepare_run(dataset: DatasetRef, request: TrainingRequest) -> CheckpointRef:
    """The newest checkpoint of a run; a new run gets the state before the first iteration."""
    run = request.run_on(dataset.dataset_id)
    opened = open_run(dataset.store, request.model, run.run_id)
    record = prepare(opened, run, dataset.corpus)
    reference = run_reference(dataset.store, opened, dataset.corpus)
    if record.iteration == 0:
        live_training().show(record)
    if record.iteration >= request.goal(reference.iterations_per_epoch):
        get_run_logger().info(
            "nothing to train: run %s of model %s is at iteration %d already",
            run.run_id,
            request.model,
            record.iteration,
        )
    return checkpoint_reference(reference, record)
