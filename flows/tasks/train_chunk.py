"""Task: train from the newest checkpoint to the next."""

from __future__ import annotations

from contextlib import nullcontext
from threading import Event

from prefect import get_run_logger

from flows.display.terminal import live_training
from flows.lifecycle import chunk
from flows.lifecycle.evaluation import is_exhausted
from flows.lifecycle.referring import checkpoint_reference, schedule_of_work
from flows.parameters import Engine, default
from flows.references import CheckpointRef, WorkRef
from flows.runtime.decorators import task
from flows.runtime.engines import executor_of
from flows.runtime.interruption import finish_when_interrupted
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.open_run import open_run


@task()
def train_chunk(
    work: WorkRef, goal: int, most: int, engine: Engine = default(Engine)
) -> CheckpointRef:
    """Train up to iteration `goal` and commit the next checkpoints: where the run is evaluated, on
    at most `most` characters, and at the end. The shards of a round run on `engine`.
    """
    run = work.run
    opened = open_run(run.store, run.model, run.run_id)
    newest = opened.log.newest()
    if newest is None:
        return checkpoint_reference(run, opened, chunk.commit_initial(opened, run.corpus))
    if newest.record.iteration >= goal:
        return checkpoint_reference(run, opened, newest.record)
    live, schedule = live_training(), schedule_of_work(work)

    def show(record: CheckpointRecord) -> None:
        live.show(record)
        get_run_logger().info(chunk.describe(record, work.iterations_per_epoch))

    def train(stop: Event) -> CheckpointRef:
        with executor_of(engine, run.store) if opened.run.rounds else nullcontext() as executor:
            watcher = chunk.Watcher(live.on_slice, show, stop, executor)
            record = chunk.advance_on_schedule(
                opened, newest, schedule, goal, run.corpus, most, watcher
            )
        if stop.is_set():
            get_run_logger().warning(
                "stopped at iteration %d, checkpoint written: run again to go on",
                record.iteration,
            )
        is_last = is_exhausted(opened, schedule, opened.run.patience)
        is_stopped = stop.is_set() and record.iteration < goal
        return checkpoint_reference(run, opened, record, is_last=is_last, is_stopped=is_stopped)

    return finish_when_interrupted(train)
