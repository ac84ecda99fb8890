"""Chunked training: a chain of tasks, each from one checkpoint to the next."""

from __future__ import annotations

import math

from flows.display.artifacts import Progress
from flows.display.terminal import live_training
from flows.exceptions import RunCancelled
from flows.lifecycle.referring import schedule_of_work
from flows.parameters import Engine, default
from flows.references import CheckpointRef, StartRef
from flows.tasks.train_chunk import train_chunk


def train_run(start: StartRef, most: int, engine: Engine = default(Engine)) -> CheckpointRef:
    """Train a run to the end of its last epoch, a task for each chunk; where it ended.

    It is evaluated on at most `most` characters; the shards of its rounds run on `engine`. Raises `RunCancelled` where it was cancelled
    meanwhile.
    """
    checkpoint, schedule = start.checkpoint, schedule_of_work(start.work)
    model, goal, every = checkpoint.run.model, schedule.goal, schedule.checkpoint_every
    progress = Progress(checkpoint.run.store, model, checkpoint.iteration, goal)
    live_training().start(checkpoint.iteration, goal, schedule.per_epoch)
    while checkpoint.iteration < goal and not checkpoint.is_last:
        step = schedule.chunk_end(checkpoint.iteration)
        number = checkpoint.iteration // every + 1
        name = f"chunk {number}/{math.ceil(goal / every)} to iteration {step}"
        checkpoint = train_chunk.with_options(task_run_name=name)(start.work, step, most, engine)
        progress.update(checkpoint.iteration)
        if checkpoint.is_stopped and not checkpoint.is_last:
            raise RunCancelled(
                f"stopped at iteration {checkpoint.iteration}, checkpoint written:"
                " run again to go on"
            )
    return checkpoint
