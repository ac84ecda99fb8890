"""Task: find how far a run is, or start it."""

from __future__ import annotations

from contextlib import suppress

from prefect import get_run_logger

from flows.exceptions import StorageError
from flows.lifecycle.chunk import commit_initial
from flows.lifecycle.machine import differences
from flows.lifecycle.opening import checkpoint_reference, run_reference
from flows.lifecycle.request import TrainingRequest
from flows.references import CheckpointRef, DatasetRef
from flows.runtime.decorators import task
from flows.storage.garbage import collect_garbage
from flows.storage.open_run import OpenRun, open_run
from flows.storage.runs import save_run


@task("prepare run of {request.model}")
def prepare_run(dataset: DatasetRef, request: TrainingRequest) -> CheckpointRef:
    """The newest checkpoint of a run; a new run gets the state before the first iteration."""
    run = request.run_on(dataset.dataset_id)
    opened = open_run(dataset.store, request.model, run.run_id)
    save_run(opened.store, request.model, run)
    _remove_garbage(opened)
    newest = opened.log.newest()
    if newest:
        _warn_of_differences(newest.record.cpu, newest.record.versions)
    record = newest.record if newest else commit_initial(opened, dataset.corpus)
    reference = run_reference(dataset.store, opened, dataset.corpus)
    if record.iteration >= request.goal(reference.iterations_per_epoch):
        get_run_logger().info(
            "nothing to train: run %s of model %s is at iteration %d already",
            run.run_id,
            request.model,
            record.iteration,
        )
    return checkpoint_reference(reference, record)


def _remove_garbage(opened: OpenRun) -> None:
    """Remove old files of interrupted runs; where that is not permitted, they may stay."""
    with suppress(StorageError):
        if removed := collect_garbage(opened.store, opened.model, opened.run_id):
            get_run_logger().info("removed %d files that killed runs left behind", len(removed))


def _warn_of_differences(cpu: str, versions: dict[str, str]) -> None:
    for difference in differences(cpu, versions):
        get_run_logger().warning(
            "results may differ in their last bits from here on: %s", difference
        )
