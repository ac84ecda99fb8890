"""A store in the folder of a corpus: its objects would be learned as text."""

from __future__ import annotations

import os

from flows.corpus.finding.local import finds
from flows.corpus.request import CorpusRequest
from flows.exceptions import CorpusError
from flows.storage.stores import Store
from flows.storage.urls import local_protocols, protocol_of, urls_of

typical_objects = (  # of a store, by kind of file
    *("datasets/0/manifest.json", "datasets/0/tokens.npy", "reports/samples/0.parquet"),
    "models/0/runs/0/data/0.safetensors",
)


def check_outside(store: Store, request: CorpusRequest) -> None:
    """Refuse objects of the store as texts: a folder would have them from the next run on."""
    if (root := store.local_file(".")) is None:
        return
    folder, names = os.path.realpath(root), request.options.corpus_pattern
    for url in urls_of(request.corpus):
        if "::" in url or protocol_of(url) not in local_protocols:
            continue
        if any(finds(url, names, f"{folder}/{name}") for name in typical_objects):
            raise CorpusError(
                f"the corpus {url} has the store {store.url} in it: name a folder that the store is"
                " not in, or files"
            )
