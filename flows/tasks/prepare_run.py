"""Task: find how far a run is, or start it."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.terminal import live_training
from flows.lifecycle.preparation import prepare
from flows.lifecycle.referring import checkpoint_reference, run_reference
from flows.lifecycle.request import TrainingRequest
from flows.references import DatasetRef, StartRef
from flows.runtime.decorators import task
from flows.storage.open_run import open_run


@task("prepare run of {request.model}")
def prepare_run(dataset: DatasetRef, request: TrainingRequest) -> StartRef:
    """The newest checkpoint of a run; a new run gets the state before the first iteration."""
    run = request.run_on(dataset.dataset_id)
    opened = open_run(dataset.store, request.model, run.run_id)
    record, is_new = prepare(opened, run, dataset.corpus)
    if is_new:
        live_training().show(record)
    per_epoch = opened.iterations_per_epoch
    if record.iteration >= request.goal(per_epoch):
        get_run_logger().info(
            "nothing to train: run %s of model %s is at iteration %d already",
            run.run_id,
            request.model,
            record.iteration,
        )
    reference = run_reference(dataset.store, opened, dataset.corpus)
    checkpoint = checkpoint_reference(reference, opened, record)
    return StartRef(checkpoint=checkpoint, iterations_per_epoch=per_epoch)
