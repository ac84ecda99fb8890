"""The `sweep` flow: train the cells of a grid side by side, and judge the best of them."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("sweep")

import time
from contextlib import suppress

from flows import dry_run, dry_run_of_sweep
from flows.chain import describe_text, tidy
from flows.exceptions import RunCancelled, StorageError
from flows.halving import train_cells
from flows.lifecycle.promotion import Judging
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.sweeps.cells import cells_of
from flows.parameters import (
    Corpus,
    Encoding,
    Engine,
    Evaluation,
    Gates,
    ModelName,
    Promotion,
    Reading,
    Retention,
    Sampling,
    Seed,
    SingleWriter,
    StoreUrl,
    Sweep,
    Training,
    WhenBusy,
    default,
)
from flows.report_parts import draw_report
from flows.reporting.samples.identity import week_of
from flows.runtime.decorators import flow
from flows.runtime.engines import engine_of
from flows.runtime.exclusive import exclusive_run
from flows.runtime.interruption import OrCancelled, cancelled
from flows.runtime.outcome import completed
from flows.runtime.run_names import of_model
from flows.sweep_result import SweepResult, sweep_result
from flows.tasks.check_text import check_text
from flows.tasks.choose_cell import choose_cell
from flows.tasks.ingest_corpus import ingest_corpus
from flows.tasks.plan_sweep import plan_sweep
from flows.tasks.promote_checkpoint import promote_checkpoint
from flows.tasks.publish_samples import publish_samples
from flows.tasks.publish_sweep import publish_sweep
from flows.tasks.retain_model import retain_model


@flow(
    run_name=of_model("sweep"),
    dry_run=(dry_run.corpus, dry_run_of_sweep.sweep, dry_run.decision, dry_run.report_of_run),
)
def sweep(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    reading: Reading = default(Reading),
    model: ModelName = default(ModelName),
    seed: Seed = default(Seed),
    when_busy: WhenBusy = default(WhenBusy),
    training: Training = default(Training),
    sweep: Sweep = default(Sweep),
    evaluation: Evaluation = default(Evaluation),
    gates: Gates = default(Gates),
    promotion: Promotion = default(Promotion),
    sampling: Sampling = default(Sampling),
    retention: Retention = default(Retention),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> OrCancelled[SweepResult]:
    """Train a grid of options side by side, and promote the best if it is better.

    Cells start from scratch. The best is found on one half of the held-out text, judged on the other.
    """
    started, most = time.monotonic(), evaluation.maximum_characters
    request = TrainingRequest(
        model=model,
        seed=seed,
        training=training,
        evaluation=evaluation,
        sampling=sampling,
        maximum_vocabulary=reading.maximum_vocabulary,
    )
    first = cells_of(request, sweep)[0].request.model_copy(update={"force": True})
    with engine_of(engine, store) as workers:
        dataset = ingest_corpus(corpus, encoding, reading, store, single_writer, first)
        describe_text(dataset)
        with exclusive_run(store, model, when_busy):
            planned = plan_sweep(dataset, request, sweep, workers.count)
            findings = check_text(planned.cells[0].work, gates, most)
            try:
                rungs = train_cells(planned, workers, most)
                chosen = choose_cell(planned, rungs, most)
                week = week_of(sampling)
                written = draw_report(workers, chosen.checkpoint, sampling, week)
            except RunCancelled as stopped:
                return cancelled(stopped)
            kept, count = retention.versions, len(planned.runs)
            judging = Judging(options=promotion, most=most, kept_versions=kept, best_of=count)
            work = planned.runs[chosen.checkpoint.run.run_id].work
            decided = promote_checkpoint(work, chosen, judging, findings, written)
            table = publish_sweep(planned, rungs, chosen, decided)
            seconds = time.monotonic() - started
            result = sweep_result(planned, rungs, chosen, decided, table, written, seconds)
            has_changed = result.trained_iterations > 0 or decided.is_new
            with suppress(StorageError):  # its task failed visibly; the decision stands
                if has_changed:
                    retain_model(store, model, retention)
    with suppress(StorageError):
        page = publish_samples(model, written, again=has_changed)
        result = result.model_copy(update={"page_url": page})
    tidy(store, model, has_changed=has_changed)
    return completed(result, result.outcome, result.sentence, result.warnings)
