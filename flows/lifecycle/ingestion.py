"""Ingestion: a corpus as a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from flows.corpus import read_corpus
from flows.storage import datasets
from flows.storage.datasets import Dataset


def read_dataset(corpus: str | Sequence[str], encoding: str) -> Dataset:
    """A corpus as a dataset, not stored yet."""
    return datasets.tokenise(read_corpus(corpus, encoding))
