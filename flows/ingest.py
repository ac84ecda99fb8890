"""The `ingest` flow: read a corpus from any URL into a dataset of tokens with its vocabulary."""

from __future__ import annotations

if __name__ == "__main__":  # before the other imports: Prefect's server is loaded beside them
    from flows.command_line import main

    main("ingest")

from flows import dry_run
from flows.parameters import Corpus, Encoding, Reading, SingleWriter, StoreUrl, default
from flows.results import IngestResult, ingest_result
from flows.runtime.decorators import flow
from flows.runtime.run_names import of_corpus
from flows.tasks.ingest_corpus import ingest_corpus
from flows.tasks.profile_dataset import profile_dataset


@flow(run_name=of_corpus("ingest"), dry_run=(dry_run.corpus, dry_run.resources))
def ingest(
    corpus: Corpus = default(Corpus),
    encoding: Encoding = default(Encoding),
    reading: Reading = default(Reading),
    store: StoreUrl = default(StoreUrl),
    single_writer: SingleWriter = default(SingleWriter),
) -> IngestResult:
    """Read a corpus from any URL into a dataset of tokens with its vocabulary."""
    dataset = ingest_corpus(corpus, encoding, reading, store, single_writer)
    if not dataset.is_profiled:
        profile_dataset(dataset)
    return ingest_result(dataset)
