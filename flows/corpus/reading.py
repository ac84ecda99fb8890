"""Reading a corpus: its files as decoded texts."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence

import fsspec

from flows.corpus.files import SourceFile, reading
from flows.corpus.finding import find_files
from flows.exceptions import CorpusError
from flows.storage.urls import public_url
from flows.text import decode


def read_corpus(corpus: str | Sequence[str], encoding: str) -> list[str]:
    """The texts of all files that `corpus` names; `CorpusError` for one that cannot be used."""
    files = find_files(corpus)
    texts = [read_text(file, encoding) for file in files]
    check_texts(texts, [file.url for file in files])
    return texts


def read_text(file: SourceFile, encoding: str) -> str:
    """The whole of `file`, decompressed by its ending and decoded; line ends stay as they are."""
    return decode(reading(file.url, lambda: _decompressed(file)), encoding, file.url)


def _decompressed(file: SourceFile) -> bytes:
    # In one request: servers without ranges can be read too, and errors keep their status.
    data: bytes = file.filesystem.cat_file(file.path)
    if compression := fsspec.utils.infer_compression(public_url(file.path)):
        with fsspec.compression.compr[compression](io.BytesIO(data), mode="rb") as stream:
            data = stream.read()
    return data


def check_texts(texts: Iterable[str], names: Sequence[str]) -> None:
    """Refuse a corpus that no vocabulary can be made of."""
    distinct = set().union(*texts)
    shown = names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
    if not distinct:
        raise CorpusError(f"the corpus {shown} is empty: give a text of some thousand characters")
    if len(distinct) == 1:
        raise CorpusError(
            f"the corpus {shown} has a single distinct character, {distinct.pop()!r}:"
            " there is nothing to predict, give a real text"
        )
