"""Steps that several flows have in common: the chunks of a training, and what ends a night."""

from __future__ import annotations

import math
from contextlib import suppress

from flows.display.artifacts import Progress
from flows.display.terminal import live_training
from flows.exceptions import RunCancelled, StorageError
from flows.lifecycle.referring import schedule_of_work
from flows.parameters import Engine, default
from flows.references import CheckpointRef, DatasetRef, StartRef
from flows.runtime.part import is_part_of_many
from flows.tasks.draw_pages import draw_pages
from flows.tasks.profile_dataset import profile_dataset
from flows.tasks.publish_model_page import publish_model_page
from flows.tasks.retain_store import retain_store
from flows.tasks.train_chunk import train_chunk


def describe_text(dataset: DatasetRef) -> None:
    """Profile a text that has no profile yet, unless the request is answered already."""
    with suppress(StorageError):  # its task failed visibly; training does not need it
        if not (dataset.is_profiled or dataset.answered):
            profile_dataset(dataset)


def train_run(start: StartRef, most: int, engine: Engine = default(Engine)) -> CheckpointRef:
    """Train a run to the end of its last epoch, a task for each chunk; where it ended.

    It is evaluated on at most `most` characters; the shards of its rounds run on `engine`. Raises
    `RunCancelled` where it was cancelled meanwhile.
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


def tidy(store: str, model: str, *, has_changed: bool) -> None:
    """Remove what is not kept, and draw pages again, where a night changed something.

    One of many flows leaves to the flow above what concerns the whole store.
    """
    is_alone = not is_part_of_many()
    with suppress(StorageError):  # its task failed visibly, as the next one's
        if has_changed and is_alone:
            retain_store(store)
    with suppress(StorageError):
        if has_changed:
            draw_pages(store, model, index=is_alone)
    publish_model_page(store, model)
