"""Task: check a corpus for changes."""

from __future__ import annotations

from typing import Any

from prefect import get_run_logger
from prefect.events import emit_event

from flows.corpus import CorpusRequest
from flows.corpus.changes import compare
from flows.parameters import Corpus, ReadingOptions
from flows.results import WatchResult, watch_result
from flows.runtime.decorators import task
from flows.runtime.secrets import filesystem_options
from flows.storage.stores import open_store
from flows.storage.urls import public_url, urls_of


@task("check corpus for changes")
def check_corpus(corpus: Corpus, request: dict[str, Any]) -> WatchResult:
    """Compare a corpus with its last seen state; emit an event if it changed, then record it.

    `request` are the other parameters, as JSON, of the retraining that the event starts.
    """
    public_corpus = ", ".join(map(public_url, urls_of(corpus)))
    model, reading = request["model"], ReadingOptions(**request["reading"])
    secret = filesystem_options(reading.corpus_secret)
    asked = CorpusRequest(corpus, request["encoding"], reading, secret)
    found = compare(open_store(request["store"]), asked, model)
    if found.has_changed:
        # Before it is recorded: a check that is killed in between emits it again, without harm.
        emit_event(
            "corpus.updated",
            resource={"prefect.resource.id": f"corpus.{found.source.source_id}.{model}"},
            payload={"corpus": corpus, **request},
        )
    found.save()
    result = watch_result(found)
    get_run_logger().info("%s: %d files, %s", public_corpus, result.files, result.finding)
    return result
