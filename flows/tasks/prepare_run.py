"""Task: find how far a run is, or start it."""

from __future__ import annotations

from prefect import get_run_logger

from flows.display.terminal import live_training
from flows.lifecycle.preparation import prepare
from flows.lifecycle.referring import checkpoint_reference, schedule_of_work
from flows.lifecycle.request import TrainingRequest
from flows.references import StartRef, WorkRef
from flows.runtime.decorators import task
from flows.storage import datasets
from flows.storage.open_run import open_run


@task("prepare run of {request.model}")
def prepare_run(work: WorkRef, request: TrainingRequest) -> StartRef:
    """The newest checkpoint of a run; a new run gets the state before the first iteration."""
    reference = work.run
    opened = open_run(reference.store, request.model, reference.run_id)
    texts = request.divide(datasets.load(opened.store, reference.dataset_id))
    run = request.run_on(reference.dataset_id, texts.training.characters, work.parent)
    prepared = prepare(opened, run, reference.corpus, schedule_of_work(work))
    if prepared.is_new:
        live_training().show(prepared.record)
    if prepared.is_finished:
        get_run_logger().info(
            "nothing to train: run %s of model %s is at iteration %d already%s",
            reference.run_id,
            request.model,
            prepared.record.iteration,
            "; trained again, it would give the same bytes" if request.force else "",
        )
    checkpoint = checkpoint_reference(
        reference, opened, prepared.record, is_last=prepared.is_finished
    )
    return StartRef(work=work, checkpoint=checkpoint)
