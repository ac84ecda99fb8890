"""Task: read a corpus into the store."""

from __future__ import annotations

from flows.corpus import CorpusRequest
from flows.display.reading import ReadingProgress
from flows.lifecycle.estimates import estimate
from flows.lifecycle.ingestion import open_corpus
from flows.lifecycle.limits import limits_of
from flows.lifecycle.referring import work_reference
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import find_work
from flows.parameters import Corpus, Encoding, Reading, SingleWriter, StoreUrl
from flows.references import DatasetRef
from flows.runtime.decorators import task
from flows.runtime.secrets import filesystem_options
from flows.storage import datasets
from flows.storage.dataset_use import take_up
from flows.storage.profiles import find_profile
from flows.storage.stores import check_store, open_store
from flows.storage.urls import public_url, urls_of


@task("read the corpus")
def ingest_corpus(
    corpus: Corpus,
    encoding: Encoding,
    reading: Reading,
    store: StoreUrl,
    single_writer: SingleWriter,
    request: TrainingRequest | None = None,
) -> DatasetRef:
    """Read, tokenise and store a corpus; one that is in the store is neither read nor written again.

    Nor is one written that a decision answers for. A corpus that cannot serve `request`, or a request
    above the limits, is refused before.
    """
    target = open_store(store)
    asked = CorpusRequest(corpus, encoding, reading, filesystem_options(reading.corpus_secret))
    public = tuple(map(public_url, urls_of(corpus)))
    progress = ReadingProgress(store, public)
    with open_corpus(target, asked, progress) as opened:
        progress.size = opened.size
        method = request.evaluation.split if request else "content"
        text = opened.text(method)
        work = find_work(target, text, request) if request else None
        limits_of(target).check(estimate(target, text, request, work))
        reference = DatasetRef(
            store=store,
            dataset_id=text.dataset_id,
            url=target.location(datasets.dataset_folder(text.dataset_id)),
            characters=text.characters,
            vocabulary_size=len(text.vocabulary),
            corpus=public,
        )
        if request and work and work.answer:
            answered = work_reference(reference, request.model, target, work)
            return reference.model_copy(update={"answered": answered})
        check_store(target, single_writer=single_writer)
        # Before it is read: from then on the dataset stays for a day, until a run names it.
        take_up(target, text.dataset_id, "read by a flow")
        opened.save(text, method)
        progress.finish()
        is_profiled = find_profile(target, text.dataset_id) is not None
        files = () if is_profiled else opened.files
    return reference.model_copy(update={"is_profiled": is_profiled, "files": files})
