"""The `retrain` flow, the main job: ingest, train, evaluate, promote, report."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("retrain")

import time

from flows import dry_run
from flows.chain import train_run
from flows.exceptions import RunCancelled
from flows.lifecycle.request import TrainingRequest
from flows.parameters import (
    Corpus,
    Encoding,
    Evaluation,
    ModelName,
    Sampling,
    Seed,
    SingleWriter,
    StoreUrl,
    Training,
    WhenBusy,
    default,
)
from flows.results import RetrainResult, retrain_result, train_result
from flows.runtime.decorators import flow
from flows.runtime.interruption import OrCancelled, cancelled, unless_cancelled
from flows.runtime.run_names import numbered
from flows.tasks.evaluate_checkpoint import evaluate_checkpoint
from flows.tasks.ingest_corpus import ingest_corpus
from flows.tasks.promote_checkpoint import promote_checkpoint
from flows.tasks.publish_page import publish_page
from flows.tasks.write_report import write_report


@flow(
    run_name=numbered("retrain"),
    dry_run=(
        dry_run.corpus,
        dry_run.training,
        dry_run.decision,
        dry_run.report_of_run,
        dry_run.resources,
    ),
)
def retrain(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    model: ModelName = default(ModelName),
    seed: Seed = default(Seed),
    when_busy: WhenBusy = default(WhenBusy),
    training: Training = default(Training),
    evaluation: Evaluation = default(Evaluation),
    sampling: Sampling = default(Sampling),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> OrCancelled[RetrainResult]:
    """Retrain a character RNN on a corpus, promote it if it is better, and report its samples.

    Work that the store holds already is not done again; more epochs continue a finished run.
    """
    started = time.monotonic()
    request = TrainingRequest(
        model=model,
        seed=seed,
        training=training,
        evaluation=evaluation,
        sampling=sampling,
    )
    dataset = ingest_corpus(corpus, encoding, store, single_writer, request)
    try:
        start, end = train_run(dataset, request, when_busy)
    except RunCancelled as stopped:
        return cancelled(stopped)
    measured = evaluate_checkpoint(end)
    decided = promote_checkpoint(end, measured)
    written = write_report(end, sampling)
    trained = train_result(dataset, start, end, time.monotonic() - started)
    result = retrain_result(trained, measured, decided, written)
    publish_page(end, decided, result)
    return unless_cancelled(result)
