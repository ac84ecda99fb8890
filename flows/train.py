"""The `train` flow: a chain of tasks, each from one checkpoint to the next."""

from __future__ import annotations

import math
import time
from contextlib import suppress
from functools import partial

from prefect import State, flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.states import Cancelled

from flows import artifacts, console
from flows.chunk import advance, commit_initial
from flows.exceptions import RunCancelled
from flows.ingest import ingest_corpus
from flows.interruption import finish_when_interrupted, unless_cancelled
from flows.machine import differences
from flows.outcome import TrainOutcome, train_outcome
from flows.parameters import (
    Corpus,
    Encoding,
    Evaluation,
    EvaluationOptions,
    ModelName,
    Seed,
    SingleWriter,
    StoreUrl,
    Training,
    TrainingOptions,
    WhenBusy,
    bundled_corpus,
    default_store,
)
from flows.purpose import Purpose
from flows.references import CheckpointRef, DatasetRef, RunRef
from flows.retries import retried
from flows.run_names import numbered
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.exceptions import DamagedObject, StorageError
from flows.storage.files import Store, open_store
from flows.storage.garbage import collect_garbage
from flows.storage.open_run import OpenRun, open_run
from flows.storage.runs import save_run
from flows.turns import turn


@task(
    task_run_name="see where {model} stands", cache_policy=NO_CACHE, persist_result=False, **retried
)
def prepare_run(
    dataset: DatasetRef,
    model: str,
    seed: int,
    purpose: Purpose,
) -> CheckpointRef:
    """Find where the run stands; a new one is written down with its state before the first step."""
    run = purpose.run_on(dataset.dataset_id, seed)
    store = open_store(dataset.store)
    save_run(store, model, run)
    reference = RunRef(
        store=dataset.store,
        model=model,
        run_id=run.run_id,
        dataset_id=run.dataset_id,
        corpus=dataset.corpus,
    )
    opened = open_run(reference.store, model, run.run_id)
    _tidy(store, model, run.run_id)
    return _refer(reference, _newest(opened) or commit_initial(opened, reference))


@task(cache_policy=NO_CACHE, persist_result=False, **retried)
def train_chunk(reference: RunRef, goal: int) -> CheckpointRef:
    """Train from the newest checkpoint up to iteration `goal` and commit the next one."""
    opened = open_run(reference.store, reference.model, reference.run_id)
    newest = opened.log.newest()
    if newest is None or newest.record.iteration >= goal:
        record = newest.record if newest else commit_initial(opened, reference)
        return _refer(reference, record)
    record = finish_when_interrupted(partial(advance, opened, reference, newest, goal))
    return _refer(reference, record)


def train_run(
    dataset: DatasetRef,
    model: str,
    seed: int,
    purpose: Purpose,
    when_busy: WhenBusy,
) -> tuple[CheckpointRef, CheckpointRef]:
    """Bring a run to the last iteration of its last epoch; its first and last checkpoint here."""
    with turn(dataset.store, model, when_busy):
        return _chain_chunks(dataset, model, seed, purpose)


def _chain_chunks(
    dataset: DatasetRef,
    model: str,
    seed: int,
    purpose: Purpose,
) -> tuple[CheckpointRef, CheckpointRef]:
    """A task from each checkpoint to the next."""
    checkpoint = start = prepare_run(dataset, model, seed, purpose)
    opened = open_run(dataset.store, model, start.run.run_id)
    goal = purpose.training.epochs * opened.iterations_per_epoch
    progress = artifacts.Progress(model, start.iteration, goal)
    if live := console.live_training():
        live.start(start.iteration, goal)
    every = purpose.training.checkpoint_every
    while checkpoint.iteration < goal:
        number = checkpoint.iteration // every + 1
        step = min(goal, number * every)
        name = f"chunk {number}/{math.ceil(goal / every)} to iteration {step}"
        before = checkpoint.iteration
        checkpoint = train_chunk.with_options(task_run_name=name)(start.run, step)
        progress.update(checkpoint.iteration)
        if before < checkpoint.iteration < step:
            raise RunCancelled(
                f"stopped at iteration {checkpoint.iteration}, checkpoint written:"
                " run again to go on"
            )
    if checkpoint == start:
        get_run_logger().info(
            "nothing to train: run %s of model %s stands at iteration %d already",
            start.run.run_id,
            model,
            start.iteration,
        )
    return start, checkpoint


def _tidy(store: Store, model: str, run_id: str) -> None:
    """Remove what interrupted runs left long ago; where that is not permitted, it may stay."""
    with suppress(StorageError):
        if removed := collect_garbage(store, model, run_id):
            get_run_logger().info("removed %d files that killed runs left behind", len(removed))


def _newest(opened: OpenRun) -> CheckpointRecord | None:
    """The run's newest sound checkpoint; says what is damaged, and what changed since."""
    logger = get_run_logger()
    problems: list[DamagedObject] = []
    newest = opened.log.newest(problems)
    for problem in problems:
        logger.warning("%s; going on from the newest sound checkpoint", problem)
    if newest is None:
        return None
    for difference in differences(newest.record.cpu, newest.record.versions):
        logger.warning("results may differ in their last bits from here on: %s", difference)
    return newest.record


def _refer(run: RunRef, record: CheckpointRecord) -> CheckpointRef:
    return CheckpointRef(run=run, iteration=record.iteration, digest=record.digest)


@flow(flow_run_name=numbered("train"), persist_result=False)
def train(
    corpus: Corpus = bundled_corpus,
    encoding: Encoding = "utf-8",
    model: ModelName = "default",
    seed: Seed = 0,
    when_busy: WhenBusy = "wait",
    training: Training = TrainingOptions(),
    evaluation: Evaluation = EvaluationOptions(),
    store: StoreUrl = default_store,
    single_writer: SingleWriter = False,
) -> TrainOutcome | State[TrainOutcome]:
    """Train a model on a corpus, from where its last run of the same options stopped.

    Args:
        corpus: Path, pattern or fsspec URL of the text to train on, or a list of them
        encoding: Encoding of the text's bytes, such as utf-8 or latin-1
        model: Name of the model: 1 to 64 of a-z, 0-9 and -, starting with a letter or digit
        seed: Seed of the first weights and of the snapshots drawn while training; 0 or more
        when_busy: What to do while another run trains the same model: wait, or stop
        training: The network, and how long and in what steps it is trained
        evaluation: Text that is kept from training
        store: Folder or fsspec URL where datasets, checkpoints and reports are kept
        single_writer: Allow a store that cannot keep two runs apart, since only one ever writes
    """
    started = time.monotonic()
    purpose = Purpose(training=training, evaluation=evaluation)
    dataset = ingest_corpus(corpus, encoding, store, single_writer, purpose)
    try:
        start, end = train_run(dataset, model, seed, purpose, when_busy)
    except RunCancelled as stopped:
        return Cancelled(message=str(stopped))
    return unless_cancelled(train_outcome(dataset, start, end, time.monotonic() - started))


if __name__ == "__main__":
    from flows.command_line import main

    main(train)
