"""The `score` flow: score a text row by row, and say which rows surprise the model."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("score")

from flows import dry_run
from flows.exceptions import RunCancelled
from flows.parameters import (
    Corpus,
    Encoding,
    Engine,
    ModelName,
    Reading,
    ReportedVersion,
    RunId,
    Scoring,
    StoreUrl,
    default,
)
from flows.runtime.decorators import flow
from flows.runtime.engines import engine_of
from flows.runtime.interruption import OrCancelled, cancelled, unless_cancelled
from flows.runtime.outcome import completed
from flows.runtime.run_names import of_model
from flows.score_result import ScoreResult, score_result
from flows.tasks.score_text import score_text


@flow(run_name=of_model("score"), dry_run=(dry_run.score,))
def score(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    reading: Reading = default(Reading),
    model: ModelName = default(ModelName),
    run_id: RunId = default(RunId),
    version: ReportedVersion = default(ReportedVersion),
    scoring: Scoring = default(Scoring),
    engine: Engine = default(Engine),
    store: StoreUrl = default(StoreUrl),
) -> OrCancelled[ScoreResult]:
    """Score each line of a text: how many nats per character a model needs, and where most.

    Rows above a threshold are surprising; too many of them are an alert, and emit `text.surprising`.
    """
    what = store, model, run_id, version, corpus, encoding, reading, scoring
    try:
        with engine_of(engine, store) as workers:
            scored = score_text(*what, engine, workers.count)
    except RunCancelled as stopped:
        return cancelled(stopped)
    result = score_result(scored)
    if result.is_alert:
        return completed(result, "surprising", result.sentence)
    return unless_cancelled(result)
