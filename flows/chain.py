"""Chunked training: a chain of tasks, each from one checkpoint to the next."""

from __future__ import annotations

import math

from flows.display.artifacts import Progress
from flows.display.terminal import live_training
from flows.exceptions import RunCancelled
from flows.lifecycle.request import TrainingRequest
from flows.parameters import WhenBusy
from flows.references import CheckpointRef, DatasetRef, StartRef
from flows.runtime.exclusive import exclusive_run
from flows.tasks.prepare_run import prepare_run
from flows.tasks.train_chunk import train_chunk


def train_run(
    dataset: DatasetRef, request: TrainingRequest, when_busy: WhenBusy
) -> tuple[StartRef, CheckpointRef]:
    """Train a run to the end of its last epoch; where it started and where it ended.

    Raises `RunCancelled` where it was cancelled meanwhile.
    """
    with exclusive_run(dataset.store, request.model, when_busy):
        start = prepare_run(dataset, request)
        return start, _chain_chunks(start, request)


def _chain_chunks(start: StartRef, request: TrainingRequest) -> CheckpointRef:
    """A task for each chunk of `checkpoint_every` iterations, up to the end of the last epoch."""
    checkpoint, every = start.checkpoint, request.training.checkpoint_every
    goal = request.goal(start.iterations_per_epoch)
    progress = Progress(request.model, checkpoint.iteration, goal)
    live_training().start(checkpoint.iteration, goal, start.iterations_per_epoch)
    while checkpoint.iteration < goal:
        number = checkpoint.iteration // every + 1
        step = min(goal, number * every)
        name = f"chunk {number}/{math.ceil(goal / every)} to iteration {step}"
        before = checkpoint.iteration
        checkpoint = train_chunk.with_options(task_run_name=name)(checkpoint.run, step)
        progress.update(checkpoint.iteration)
        if before < checkpoint.iteration < step:
            raise RunCancelled(
                f"stopped at iteration {checkpoint.iteration}, checkpoint written:"
                " run again to go on"
            )
    return checkpoint
