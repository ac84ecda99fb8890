"""Task: read a corpus into the store."""

from __future__ import annotations

from flows.lifecycle.estimates import estimate
from flows.lifecycle.ingestion import read_dataset
from flows.lifecycle.limits import limits_of
from flows.lifecycle.referring import work_reference
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import find_work
from flows.parameters import Corpus, Encoding, SingleWriter, StoreUrl
from flows.references import DatasetRef
from flows.runtime.decorators import task
from flows.storage import datasets
from flows.storage.dataset_use import take_up
from flows.storage.stores import check_store, open_store
from flows.storage.urls import public_url, urls_of


@task("read the corpus")
def ingest_corpus(
    corpus: Corpus,
    encoding: Encoding,
    store: StoreUrl,
    single_writer: SingleWriter,
    request: TrainingRequest | None = None,
) -> DatasetRef:
    """Read, tokenise and store a corpus; a dataset that is in the store is not written again.

    Nor is one that a decision answers for. A corpus that cannot serve `request`, or a request above the limits, is refused before.
    """
    dataset = read_dataset(corpus, encoding)
    manifest = dataset.manifest
    target = open_store(store)
    work = find_work(target, dataset, request) if request else None
    limits_of(target).check(estimate(target, dataset, request, work))
    reference = DatasetRef(
        store=store,
        dataset_id=manifest.dataset_id,
        url=target.location(datasets.dataset_folder(manifest.dataset_id)),
        characters=manifest.characters,
        vocabulary_size=manifest.vocabulary_size,
        corpus=tuple(map(public_url, urls_of(corpus))),
    )
    if request and work and work.answer:
        answered = work_reference(reference, request.model, target, work)
        return reference.model_copy(update={"answered": answered})
    check_store(target, single_writer=single_writer)
    # Before it is read: from then on the dataset stays for a day, until a run names it.
    take_up(target, manifest.dataset_id, "read by a flow")
    if not datasets.is_intact(target, manifest.dataset_id):
        datasets.save(target, dataset)
    return reference
