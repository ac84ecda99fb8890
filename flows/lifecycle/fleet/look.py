"""A look at a model of a fleet: whether `retrain` would find that there is nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from flows.corpus import CorpusRequest
from flows.exceptions import expected_errors
from flows.lifecycle.estimates import estimate, is_reported
from flows.lifecycle.evaluation import best_checkpoint, known_evaluation
from flows.lifecycle.fleet.outcomes import outcome_of
from flows.lifecycle.ingestion import open_corpus
from flows.lifecycle.limits import Limits
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import Work, find_work
from flows.parameters import RetrainOptions
from flows.references import ModelRow, OutcomeRef
from flows.reporting.pages.report_page import find_page
from flows.reporting.samples.identity import report_identity, week_of
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.storage.stores import Store
from flows.storage.versions import Entry

Secrets = Callable[[str | None], Mapping[str, Any] | None]  # options of a corpus, by their name


def look(store: Store, row: ModelRow, limits: Limits, secrets: Secrets) -> OutcomeRef | None:
    """What is known of a model that is unchanged; None where there is something to do, or to say.

    It asks what the tasks of `retrain` ask, with the same functions. Of a model about which nothing
    was decided the corpus is not read. Whatever is wrong with a model is left to its retraining,
    which tells it where people look for it.
    """
    started = time.monotonic()
    options = RetrainOptions.model_validate(row.options)
    registry = Registry(store, options.model)
    try:
        entry = _standing(store, options, registry, limits, secrets)
    except (OSError, *expected_errors):
        return None
    if entry is None:
        return None
    return outcome_of(store, row, entry, "unchanged", time.monotonic() - started)


def request_of(options: RetrainOptions) -> TrainingRequest:
    """The training that a retraining with these options asks for."""
    return TrainingRequest(
        model=options.model,
        seed=options.seed,
        training=options.training,
        evaluation=options.evaluation,
        sampling=options.sampling,
        maximum_vocabulary=options.reading.maximum_vocabulary,
        force=options.force,
    )


def _standing(
    store: Store, options: RetrainOptions, registry: Registry, limits: Limits, secrets: Secrets
) -> Entry | None:
    """The decision that stands about the work that is asked for."""
    if not registry.history().entries:
        return None
    request, reading = request_of(options), options.reading
    secret = secrets(reading.corpus_secret)
    asked = CorpusRequest(options.corpus, options.encoding, reading, secret)
    with open_corpus(store, asked, lambda _: None) as opened:
        text = opened.text(options.evaluation.split)
        work = find_work(store, text, request)
        limits.check(estimate(store, text, request, work))
        if work.answer or not work.is_done:
            return work.answer
        entry = _decision(store, options, registry, work)
        if entry and not opened.is_known:
            opened.save(text, options.evaluation.split)  # the next look need not read it
        return entry


def _decision(
    store: Store, options: RetrainOptions, registry: Registry, work: Work
) -> Entry | None:
    """The decision about a run that is done, if evaluation, report and page are there too."""
    opened, most = (
        OpenRun(store, options.model, work.run.run_id),
        options.evaluation.maximum_characters,
    )
    newest = opened.log.newest()
    if newest is None or newest.record.iteration < opened.log.records()[-1].iteration:
        return None  # the end of the run is corrupt: it is trained again
    best = best_checkpoint(opened, work.schedule, most, known_evaluation)
    known_evaluation(opened, best.digest, most)
    opened.log.read(best)
    report_id = report_identity(
        opened.run_id, best.digest, options.sampling, week_of(options.sampling)
    )
    if not (
        is_reported(store, options.model, opened.run_id, best, options.sampling)
        and find_page(store, options.model, report_id)
    ):
        return None
    return registry.history().standing(opened.run_id, best.digest)
