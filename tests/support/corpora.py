"""Corpora read as flows read them, into texts in memory."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any

from flows.corpus import Texts, find_files
from flows.lifecycle.ingestion import check_scan
from flows.parameters import ReadingOptions
from flows.storage.datasets import scan
from flows.text import Problems, to_utf8


def read_corpus(corpus: str | Sequence[str], encoding: str = "utf-8", **options: Any) -> list[str]:
    """The texts of all files that `corpus` names; `CorpusError` for one that cannot be used."""
    reading = ReadingOptions(**options)
    files = find_files(corpus, reading)
    with closing(Texts(files, encoding, reading, lambda _: None)) as texts:
        found = scan(texts.read(), reading.unit)
        check_scan(found, texts.names, reading.maximum_vocabulary)
        return [b"".join(map(bytes, pieces)).decode() for _, pieces in texts.read()]


def decode(data: bytes, encoding: str, name: str) -> str:
    """`data` as text; `CorpusError` names the first byte that does not fit, with its offset."""
    return b"".join(to_utf8([data], encoding, name, problems=Problems())).decode()
