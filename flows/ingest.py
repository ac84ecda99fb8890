"""The `ingest` flow: read a corpus from any URL into a dataset of tokens with its vocabulary."""

from __future__ import annotations

from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE

from flows.outcome import IngestOutcome, ingest_outcome
from flows.parameters import (
    Corpus,
    Encoding,
    SingleWriter,
    StoreUrl,
    bundled_corpus,
    default_store,
)
from flows.purpose import Purpose
from flows.references import DatasetRef
from flows.retries import retried
from flows.run_names import of_corpus
from flows.storage import corpus as sources
from flows.storage import datasets
from flows.storage.exceptions import DamagedObject
from flows.storage.files import check_store, open_store
from flows.storage.urls import public_url, urls_of


@task(task_run_name="read the corpus", cache_policy=NO_CACHE, persist_result=False, **retried)
def ingest_corpus(
    corpus: Corpus,
    encoding: Encoding,
    store: StoreUrl,
    single_writer: SingleWriter,
    purpose: Purpose | None = None,
) -> DatasetRef:
    """Read, tokenise and store a corpus; one that is in the store already is not written again."""
    texts = sources.read_corpus(corpus, encoding)
    dataset = datasets.tokenise(texts)
    if purpose:
        purpose.divide(dataset)
    manifest = dataset.manifest
    target = open_store(store)
    check_store(target, single_writer=single_writer)
    problems: list[DamagedObject] = []
    if not datasets.is_whole(store, manifest.dataset_id, problems):
        datasets.save(target, dataset)
    for problem in problems:
        get_run_logger().warning("%s; written again", problem)
    return DatasetRef(
        store=store,
        dataset_id=manifest.dataset_id,
        characters=manifest.characters,
        vocabulary_size=manifest.vocabulary_size,
        corpus=tuple(map(public_url, urls_of(corpus))),
    )


@flow(flow_run_name=of_corpus("ingest"), persist_result=False)
def ingest(
    corpus: Corpus = bundled_corpus,
    encoding: Encoding = "utf-8",
    store: StoreUrl = default_store,
    single_writer: SingleWriter = False,
) -> IngestOutcome:
    """Read a corpus from any URL into a dataset of tokens with its vocabulary.

    Args:
        corpus: Path, pattern or fsspec URL of the text to train on, or a list of them
        encoding: Encoding of the text's bytes, such as utf-8 or latin-1
        store: Folder or fsspec URL where datasets, checkpoints and reports are kept
        single_writer: Allow a store that cannot keep two runs apart, since only one ever writes
    """
    return ingest_outcome(ingest_corpus(corpus, encoding, store, single_writer))


if __name__ == "__main__":
    from flows.command_line import main

    main(ingest)
