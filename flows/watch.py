"""The `watch` flow: look whether a corpus has changed, and say so with an event."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.events import emit_event

from flows.outcome import WatchOutcome
from flows.parameters import Corpus, Encoding, StoreUrl, bundled_corpus, default_store
from flows.retries import retried
from flows.run_names import of_corpus
from flows.storage.files import open_store
from flows.storage.sources import Source, look


@task(
    task_run_name="compare with the last look",
    cache_policy=NO_CACHE,
    persist_result=False,
    **retried,
)
def compare(corpus: Corpus, encoding: Encoding, store: StoreUrl) -> WatchOutcome:
    """Compare a corpus with its last sighting; tell of a change, then write the new one down."""
    source = Source(open_store(store), corpus, encoding)
    sighting = look(corpus)
    changed = source.last_seen is not None and source.last_seen != sighting
    if changed:
        # Told before it is written down: a watch killed in between tells again, which does no harm.
        emit_event(
            "corpus.updated",
            resource={"prefect.resource.id": f"corpus.{source.source_id}"},
            payload={"corpus": corpus, "encoding": encoding},
        )
    if source.last_seen != sighting:
        source.record(sighting)
    return WatchOutcome(
        source_id=source.source_id,
        files=len(sighting),
        first_sight=source.last_seen is None,
        changed=changed,
    )


@flow(flow_run_name=of_corpus("watch"), persist_result=False)
def watch(
    corpus: Corpus = bundled_corpus,
    encoding: Encoding = "utf-8",
    store: StoreUrl = default_store,
) -> WatchOutcome:
    """Look whether a corpus has changed since the last look, and emit `corpus.updated` if so.

    The first look writes down what is there and says nothing.

    Args:
        corpus: Path, pattern or fsspec URL of the text to watch, or a list of them
        encoding: Encoding of the text's bytes, such as utf-8 or latin-1
        store: Folder or fsspec URL where what was seen is kept
    """
    outcome = compare(corpus, encoding, store)
    get_run_logger().info("%s: %d files, %s", corpus, outcome.files, outcome.finding)
    return outcome


if __name__ == "__main__":
    from flows.command_line import main

    main(watch)
