"""The `train` flow: a chain of tasks, each from one checkpoint to the next."""

from __future__ import annotations

import time

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows import artifacts, console
from flows.exceptions import TrainingStopped
from flows.ingest import ingest_corpus
from flows.machine import cpu_model, differences, library_versions
from flows.outcome import TrainOutcome, train_outcome
from flows.parameters import (
    Corpus,
    Encoding,
    EvaluationOptions,
    ModelName,
    Seed,
    StoreUrl,
    TrainingOptions,
    bundled_corpus,
    default_store,
)
from flows.references import CheckpointRef, DatasetRef, RunRef
from flows.samples import draw_snapshot
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.exceptions import DamagedObject
from flows.storage.files import check_store, open_store
from flows.storage.open_run import OpenRun, check_split, open_run
from flows.storage.runs import make_run, save_run
from flows.storage.splits import load_split
from flows.training import OnSlice, Stretch, train_until
from rnncore import TrainingDiverged, TrainingState, bits_per_character

curve_characters = 10_000  # of the held-out text, read at each checkpoint for the loss curve


@task(cache_policy=NO_CACHE, persist_result=False)
def prepare_run(
    dataset: DatasetRef,
    model: str,
    seed: int,
    training: TrainingOptions,
    evaluation: EvaluationOptions,
) -> CheckpointRef:
    """Find where the run stands; a new one is written down with its state before the first step."""
    run = make_run(
        dataset.dataset_id,
        held_out=evaluation.held_out,
        split=evaluation.split,
        seed=seed,
        network=training.network(),
    )
    check_split(load_split(dataset.store, run.dataset_id, run.held_out, run.split), run)
    store = open_store(dataset.store)
    check_store(store)
    save_run(store, model, run)
    reference = RunRef(
        store=dataset.store,
        model=model,
        run_id=run.run_id,
        dataset_id=run.dataset_id,
        corpus=dataset.corpus,
    )
    opened = open_run(reference.store, model, run.run_id)
    return _refer(reference, _newest(opened) or _commit_initial(opened, reference))


@task(cache_policy=NO_CACHE, persist_result=False)
def train_chunk(reference: RunRef, goal: int) -> CheckpointRef:
    """Train from the newest checkpoint up to iteration `goal` and commit the next one."""
    opened = open_run(reference.store, reference.model, reference.run_id)
    newest = opened.log.newest()
    if newest is None or newest.record.iteration >= goal:
        record = newest.record if newest else _commit_initial(opened, reference)
        return _refer(reference, record)
    state = newest.payload.state
    try:
        stretch = train_until(state, opened.split.training, goal, _progress(opened))
    except TrainingDiverged as error:
        kept = newest.record.iteration
        message = f"{error}; the last good checkpoint, of iteration {kept}, is kept"
        raise TrainingStopped(message) from error
    record = _commit(opened, reference, state, stretch, after=newest.after)
    _announce(opened, record, stretch)
    return _refer(reference, record)


def train_run(
    dataset: DatasetRef,
    model: str,
    seed: int,
    training: TrainingOptions,
    evaluation: EvaluationOptions,
) -> tuple[CheckpointRef, CheckpointRef]:
    """Chain the tasks that bring a run to the last iteration of its last epoch; start and end."""
    checkpoint = start = prepare_run(dataset, model, seed, training, evaluation)
    opened = open_run(dataset.store, model, start.run.run_id)
    goal = training.epochs * opened.iterations_per_epoch
    progress = artifacts.Progress(model, goal)
    if live := console.live_training():
        live.start(start.iteration, goal)
    while checkpoint.iteration < goal:
        every = training.checkpoint_every
        step = min(goal, (checkpoint.iteration // every + 1) * every)
        checkpoint = train_chunk(start.run, step)
        progress.update(checkpoint.iteration)
    if checkpoint == start:
        get_run_logger().info(
            "nothing to train: run %s of model %s stands at iteration %d already",
            start.run.run_id,
            model,
            start.iteration,
        )
    return start, checkpoint


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


def _commit_initial(opened: OpenRun, reference: RunRef) -> CheckpointRecord:
    """Commit the state before the first step."""
    state = TrainingState.initial(
        len(opened.vocabulary), opened.run.network(), seed=opened.run.seed
    )
    return _commit(opened, reference, state, None, after=opened.log.head())


def _commit(
    opened: OpenRun, reference: RunRef, state: TrainingState, stretch: Stretch | None, *, after: int
) -> CheckpointRecord:
    """Commit `state` with what the curve and the reports need to know of it."""
    held_out = opened.split.held_out[:curve_characters]
    facts = {
        "loss": stretch.loss if stretch else None,
        "smooth_loss": state.smooth_loss / state.hyperparameters.seq_length,
        "characters_per_second": stretch.characters_per_second if stretch else None,
        "held_out_bits_per_character": (
            bits_per_character(state.parameters, held_out) if len(held_out) else None
        ),
        "snapshot": draw_snapshot(state, opened.split.training, opened.vocabulary, opened.run.seed),
        "corpus": reference.corpus,
        "cpu": cpu_model(),
        "versions": library_versions(),
    }
    record = opened.log.commit(state, opened.vocabulary, facts, after=after)
    if (live := console.live_training()) and record.snapshot:
        live.show(record.iteration, record.snapshot)
    return record


def _announce(opened: OpenRun, record: CheckpointRecord, stretch: Stretch) -> None:
    """One line a chunk, for logs."""
    held_out = record.held_out_bits_per_character
    get_run_logger().info(
        "iteration %d, epoch %.1f: loss %.3f nats/char, held out %s bits/char, %s chars/s",
        record.iteration,
        record.iteration / opened.iterations_per_epoch,
        stretch.loss,
        "-" if held_out is None else f"{held_out:.3f}",
        f"{stretch.characters_per_second:,.0f}",
    )


def _progress(opened: OpenRun) -> OnSlice:
    """Moves the live line, where a terminal shows one."""
    live = console.live_training()

    def on_slice(state: TrainingState, characters_per_second: float) -> None:
        if live:
            epoch = state.iteration / opened.iterations_per_epoch
            live.update(state, epoch, characters_per_second)

    return on_slice


def _refer(run: RunRef, record: CheckpointRecord) -> CheckpointRef:
    return CheckpointRef(run=run, iteration=record.iteration, digest=record.digest)


@flow(flow_run_name="train-{model}", persist_result=False)
def train(
    corpus: Corpus = bundled_corpus,
    encoding: Encoding = "utf-8",
    model: ModelName = "default",
    seed: Seed = 0,
    training: TrainingOptions = TrainingOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
    store: StoreUrl = default_store,
) -> TrainOutcome:
    """Train a model on a corpus, from where its last run of the same options stopped.

    Args:
        corpus: Path, pattern or fsspec URL of the text to train on, or a list of them
        encoding: Encoding of the text's bytes, such as utf-8 or latin-1
        model: Name of the model: 1 to 64 of a-z, 0-9 and -, starting with a letter or digit
        seed: Seed of the first weights and of the snapshots drawn while training
        training: The network, and how long and in what steps it is trained
        evaluation: Text that is kept from training
        store: Folder or fsspec URL where datasets, checkpoints and reports are kept
    """
    started = time.monotonic()
    dataset = ingest_corpus(corpus, encoding, store)
    start, end = train_run(dataset, model, seed, training, evaluation)
    return train_outcome(dataset, start, end, time.monotonic() - started)


if __name__ == "__main__":
    from flows.command_line import main

    main(train)
