"""The state of a corpus's files: cheap where the backend has a tag or a time, else a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from flows.corpus.files import SourceFile, reading, tags, times
from flows.corpus.finding import find_files
from flows.parameters.sections import ReadingOptions

read_size = 2**20  # bytes


def fingerprints(
    corpus: str | Sequence[str],
    options: ReadingOptions = ReadingOptions(),
    storage_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The state of the files of `corpus` now; `CorpusError` for one that does not exist.

    Archives count as they are stored, so they are not unpacked.
    """
    files = find_files(corpus, options, storage_options, unpack=False)
    return [reading(file.url, partial(_fingerprint, file)) for file in files]


def _fingerprint(file: SourceFile) -> dict[str, Any]:
    """The file's own tag, else its size and time, else the digest of its bytes."""
    info = file.filesystem.info(file.path)
    facts = {"url": file.url, "size": info.get("size")}
    for name, keys in (("tag", tags), ("time", times)):
        if found := next((info[key] for key in keys if info.get(key)), None):
            return facts | {name: str(found)}
    return facts | {"sha256": _digest_of(file)}


def _digest_of(file: SourceFile) -> str:
    whole = hashlib.sha256()
    with file.filesystem.open(file.path, "rb") as stream:
        while piece := stream.read(read_size):
            whole.update(piece)
    return whole.hexdigest()
