"""The `train` flow: ingest and train, without evaluation and report."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("train")

import time
from contextlib import suppress

from flows import dry_run
from flows.chain import describe_text, train_run
from flows.exceptions import RunCancelled, StorageError
from flows.lifecycle.request import TrainingRequest
from flows.parameters import (
    Corpus,
    Encoding,
    Engine,
    Evaluation,
    ModelName,
    Reading,
    Seed,
    SingleWriter,
    StoreUrl,
    Training,
    WhenBusy,
    default,
)
from flows.results import TrainResult, train_result
from flows.runtime.decorators import flow
from flows.runtime.engines import check_engine
from flows.runtime.exclusive import exclusive_run
from flows.runtime.interruption import OrCancelled, cancelled, unless_cancelled
from flows.runtime.run_names import of_model
from flows.tasks.find_work import find_work
from flows.tasks.ingest_corpus import ingest_corpus
from flows.tasks.prepare_run import prepare_run
from flows.tasks.retain_store import retain_store


@flow(run_name=of_model("train"), dry_run=(dry_run.corpus, dry_run.training, dry_run.resources))
def train(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    reading: Reading = default(Reading),
    model: ModelName = default(ModelName),
    seed: Seed = default(Seed),
    when_busy: WhenBusy = default(WhenBusy),
    training: Training = default(Training),
    evaluation: Evaluation = default(Evaluation),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> OrCancelled[TrainResult]:
    """Train a model on a corpus, from where its last run with the same options stopped."""
    started = time.monotonic()
    request = TrainingRequest(
        model=model,
        seed=seed,
        training=training,
        evaluation=evaluation,
        maximum_vocabulary=reading.maximum_vocabulary,
    )
    check_engine(engine, store)
    dataset = ingest_corpus(corpus, encoding, reading, store, single_writer, request)
    describe_text(dataset)
    with exclusive_run(store, model, when_busy):
        work = dataset.answered or find_work(dataset, request)
        if work.answer:
            return train_result(
                dataset, work, work.answer.checkpoint, 0, time.monotonic() - started
            )
        start = prepare_run(work, request)
        try:
            end = train_run(start, evaluation.maximum_characters, engine)
        except RunCancelled as stopped:
            return cancelled(stopped)
    trained = end.iteration - start.checkpoint.iteration
    result = train_result(dataset, work, end, trained, time.monotonic() - started)
    with suppress(StorageError):  # its task failed visibly; what was trained stands
        if trained:
            retain_store(store)
    return unless_cancelled(result)
