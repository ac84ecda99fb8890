"""Task: train from the newest checkpoint to the next."""

from __future__ import annotations

from threading import Event

from prefect import get_run_logger

from flows.display.terminal import live_training
from flows.lifecycle import chunk
from flows.lifecycle.referring import checkpoint_reference
from flows.references import CheckpointRef, RunRef
from flows.runtime.decorators import task
from flows.runtime.interruption import finish_when_interrupted
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.open_run import open_run


@task()
def train_chunk(run: RunRef, goal: int) -> CheckpointRef:
    """Train up to iteration `goal` and commit the next checkpoint."""
    opened = open_run(run.store, run.model, run.run_id)
    newest = opened.log.newest()
    if newest is None:
        return checkpoint_reference(run, opened, chunk.commit_initial(opened, run.corpus))
    if newest.record.iteration >= goal:
        return checkpoint_reference(run, opened, newest.record)
    live = live_training()

    def work(stop: Event) -> CheckpointRecord:
        record = chunk.advance(opened, newest, goal, run.corpus, live.on_slice, stop)
        live.show(record)
        get_run_logger().info(chunk.describe(record, opened.iterations_per_epoch))
        if stop.is_set():
            get_run_logger().warning(
                "stopped at iteration %d, checkpoint written: run again to go on",
                record.iteration,
            )
        return record

    return checkpoint_reference(run, opened, finish_when_interrupted(work))
