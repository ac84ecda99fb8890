"""The `watch` flow: check a corpus for changes, and emit an event if there are any."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("watch")

from flows import dry_run
from flows.parameters import Corpus, Encoding, StoreUrl, default
from flows.results import WatchResult
from flows.runtime.decorators import flow
from flows.runtime.run_names import of_corpus
from flows.tasks.check_corpus import check_corpus


@flow(run_name=of_corpus("watch"), dry_run=(dry_run.changes,))
def watch(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    store: StoreUrl = default(StoreUrl),
) -> WatchResult:
    """Check whether a corpus has changed since the last check; emit `corpus.updated` if so.

    The first check records the state of the corpus and emits nothing.
    """
    return check_corpus(corpus, encoding, store)
