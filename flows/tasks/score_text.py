"""Task: score a text."""

from __future__ import annotations

from threading import Event

from prefect import get_run_logger
from prefect.events import emit_event

from flows.corpus import CorpusRequest
from flows.display.surprises import ScoringProgress, show_surprising
from flows.exceptions import RunCancelled
from flows.lifecycle.limits import limits_of
from flows.lifecycle.scoring import (
    ScoreRequest,
    batches_at_once,
    open_scoring,
    score_reference,
)
from flows.parameters import Corpus, Encoding, Reading, StoreUrl
from flows.parameters import Scoring as ScoringSection
from flows.references import ScoreRef
from flows.runtime.decorators import task
from flows.runtime.engines.choice import executor_of, thread_count
from flows.runtime.interruption import finish_when_interrupted
from flows.runtime.secrets import filesystem_options
from flows.storage.stores import open_store

# Prefect keeps events: what a text says stays in the store and on the page of the run.
not_in_event = {"worst": {"__all__": {"text", "span"}}}


@task("score a text with {model}")
def score_text(
    store: StoreUrl,
    model: str,
    run_id: str | None,
    version: int | None,
    corpus: Corpus,
    encoding: Encoding,
    reading: Reading,
    scoring: ScoringSection,
    engine: str,
    workers: int,
) -> ScoreRef:
    """Score a text into a file; a text that was scored so before is not scored again.

    It is read by the `workers` of `engine`, which give the nats of its characters.

    Emits `text.surprising` where it is an alert.
    """
    secret = filesystem_options(reading.corpus_secret)
    asked = CorpusRequest(corpus, encoding, reading, secret)
    request = ScoreRequest(model, run_id, version, asked, scoring)
    progress = ScoringProgress()

    def score(stop: Event) -> ScoreRef:
        def on_characters(done: int, total: int) -> None:
            _unless_stopped(stop)
            progress(done, total)

        with open_scoring(open_store(store), request, lambda _: _unless_stopped(stop)) as opened:
            if (record := opened.known()) is None:
                at_once = batches_at_once(workers, is_here=thread_count(engine) is not None)
                limits_of(opened.store).check(opened.estimate(at_once))
                with executor_of(engine, store) as executor:
                    record = opened.write(executor, at_once, on_characters)
            return score_reference(opened, record)

    found = finish_when_interrupted(score)
    _announce(found)
    show_surprising(store, found)
    return found


def _announce(found: ScoreRef) -> None:
    get_run_logger().info("scores %s in %s", found.score_id, found.score_url)
    if found.is_alert:
        emit_event(
            "text.surprising",
            resource={"prefect.resource.id": f"text.{found.score_id}.{found.model}"},
            payload=found.model_dump(mode="json", exclude=not_in_event),
        )


def _unless_stopped(stop: Event) -> None:
    if stop.is_set():
        raise RunCancelled("the scoring was cancelled, and nothing was written: run it again")
