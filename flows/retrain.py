"""The `retrain` flow, the main job: ingest, train, evaluate, promote, report."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("retrain")

import time
from contextlib import suppress

from flows import dry_run
from flows.chain import describe_text, tidy, train_run
from flows.exceptions import RunCancelled, StorageError
from flows.lifecycle.promotion import Judging
from flows.lifecycle.request import TrainingRequest
from flows.parameters import (
    Corpus,
    Encoding,
    Engine,
    Evaluation,
    Force,
    Gates,
    ModelName,
    Promotion,
    Reading,
    Retention,
    Sampling,
    Seed,
    SingleWriter,
    StoreUrl,
    Training,
    WhenBusy,
    default,
)
from flows.report_parts import draw_report
from flows.reporting.samples.identity import week_of
from flows.results import RetrainResult, answered_result, retrain_result, with_page
from flows.runtime.decorators import flow
from flows.runtime.engines import check_engine
from flows.runtime.exclusive import exclusive_run
from flows.runtime.interruption import OrCancelled, cancelled
from flows.runtime.outcome import completed
from flows.runtime.run_names import of_model
from flows.tasks.check_text import check_text
from flows.tasks.evaluate_checkpoint import evaluate_checkpoint
from flows.tasks.find_work import find_work
from flows.tasks.ingest_corpus import ingest_corpus
from flows.tasks.prepare_run import prepare_run
from flows.tasks.promote_checkpoint import promote_checkpoint
from flows.tasks.publish_page import publish_page
from flows.tasks.publish_samples import publish_samples
from flows.tasks.retain_model import retain_model


@flow(
    run_name=of_model("retrain"),
    dry_run=(
        dry_run.corpus,
        dry_run.training,
        dry_run.gates,
        dry_run.decision,
        dry_run.report_of_run,
        dry_run.resources,
    ),
)
def retrain(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    reading: Reading = default(Reading),
    model: ModelName = default(ModelName),
    seed: Seed = default(Seed),
    when_busy: WhenBusy = default(WhenBusy),
    training: Training = default(Training),
    evaluation: Evaluation = default(Evaluation),
    gates: Gates = default(Gates),
    promotion: Promotion = default(Promotion),
    sampling: Sampling = default(Sampling),
    retention: Retention = default(Retention),
    force: Force = default(Force),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> OrCancelled[RetrainResult]:
    """Retrain a character RNN on a corpus, promote it if it is better, and report its samples.

    It starts from the champion. Work that the store holds already is not done again.
    """
    started, week = time.monotonic(), week_of(sampling)
    request = TrainingRequest(
        model=model,
        seed=seed,
        training=training,
        evaluation=evaluation,
        sampling=sampling,
        maximum_vocabulary=reading.maximum_vocabulary,
        force=force,
    )
    most = evaluation.maximum_characters
    judging = Judging(options=promotion, most=most, kept_versions=retention.versions)
    check_engine(engine, store)
    dataset = ingest_corpus(corpus, encoding, reading, store, single_writer, request)
    describe_text(dataset)
    with exclusive_run(store, model, when_busy):
        work = dataset.answered or find_work(dataset, request)
        if work.answer:
            result = answered_result(dataset, work, work.answer, time.monotonic() - started)
            return completed(result, result.outcome, result.sentence)
        findings = check_text(work, gates, most)
        start = prepare_run(work, request)
        try:
            end = train_run(start, most, engine)
            measured = evaluate_checkpoint(work, end, most)
            written = draw_report(engine, measured.checkpoint, sampling, week)
        except RunCancelled as stopped:
            return cancelled(stopped)
        decided = promote_checkpoint(work, measured, judging, findings, written)
        seconds = time.monotonic() - started
        result = retrain_result(dataset, start, end, measured, decided, written, seconds)
        has_changed = result.trained_iterations > 0 or decided.is_new
        with suppress(StorageError):  # its task failed visibly; the decision stands
            if has_changed:
                retain_model(store, model, retention)
    with suppress(StorageError):
        result = with_page(result, publish_samples(model, written, again=has_changed))
    publish_page(measured.checkpoint, decided, written, result)
    tidy(store, model, has_changed=has_changed)
    return completed(result, result.outcome, result.sentence, result.warnings)
