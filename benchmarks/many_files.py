"""Claim: many files are read side by side, faster than one after the other; the dataset is the same."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.reading import alphabets, text_of
from benchmarks.side_by_side import Claim, compare
from flows.corpus import CorpusRequest
from flows.lifecycle.ingestion import open_corpus
from flows.parameters import ReadingOptions
from flows.storage.cache import Cache
from flows.storage.stores import connect

threads = 2
corpora = {  # number of files, bytes of each, options
    "2,000 of 20 kB": (2_000, 20_000, ReadingOptions()),
    "200 of 1 MB": (200, 1_000_000, ReadingOptions()),
    "200 of 1 MB, in NFC": (200, 1_000_000, ReadingOptions(normalize="NFC")),
    "4 of 100 MB": (4, 100_000_000, ReadingOptions()),
}


def measure() -> list[Claim]:
    """Local files of mixed alphabets, both passes, in two threads against one."""
    claims = []
    text = text_of(alphabets["mixed"])
    for what, (number, size, options) in corpora.items():
        with tempfile.TemporaryDirectory() as folder:
            corpus = Path(folder, "corpus")
            corpus.mkdir()
            for place in range(number):
                start = place * size % len(text)
                part = (text[start:] + text)[:size].decode(errors="ignore")
                (corpus / f"{place:04}.txt").write_text(part, encoding="utf-8")
            ours = partial(read, corpus, options, threads)
            others = {"one thread": partial(read, corpus, options, 1)}
            claims += compare(f"reading {what} in two threads", "MB/s", ours, others, rounds=5)
    return claims


def read(corpus: Path, options: ReadingOptions, count: int) -> float:
    """From files to a dataset in an empty store, in so many threads."""
    with tempfile.TemporaryDirectory(dir=corpus.parent) as folder:
        store = connect(f"{folder}/store", Cache())
        request = CorpusRequest(str(corpus), "utf-8", options, {})
        with open_corpus(store, request, lambda _: None, count) as opened:
            opened.save(opened.text())
    return sum(file.stat().st_size for file in corpus.iterdir()) / 1e6
