"""Ingestion: a corpus as a dataset that can serve what it is read for."""

from __future__ import annotations

from collections.abc import Sequence

from flows.corpus import read_corpus
from flows.lifecycle.request import TrainingRequest
from flows.storage import datasets
from flows.storage.datasets import Dataset


def read_dataset(
    corpus: str | Sequence[str], encoding: str, request: TrainingRequest | None
) -> Dataset:
    """A corpus as a dataset, not stored yet; one that cannot serve `request` is refused."""
    dataset = datasets.tokenise(read_corpus(corpus, encoding))
    if request:
        request.split(dataset)
    return dataset
