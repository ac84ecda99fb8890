"""The state of a corpus's files: cheap where the backend has a tag or a time, else a digest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from fsspec.asyn import sync

from flows.corpus.files import SourceFile, reading, tags, times
from flows.corpus.finding.find import find_files
from flows.corpus.reading import http
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.streams import raw_pieces
from flows.parameters import ReadingOptions

local_facts = ("size", "mtime", "created", "ino")  # of a local file; fsspec calls ctime "created"
fresh_seconds = (
    2.0  # after a change, another may leave the same time: some clocks have whole seconds
)


def fingerprints(
    corpus: str | Sequence[str],
    options: ReadingOptions = ReadingOptions(),
    storage_options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """The state of the files of `corpus` now; `CorpusError` for one that does not exist."""
    files = find_files(corpus, options, storage_options, unpack=False)
    budget = Budget(options.maximum_bytes)
    return [reading(file.url, partial(_fingerprint, file, budget)) for file in files]


def strong_fingerprints(files: Sequence[SourceFile]) -> list[dict[str, Any]] | None:
    """What tells without reading that files are the same, None where one of them has no such thing.

    That is a strong tag, or all that a local disk knows of a file that was not changed just now.
    """
    found = []
    for file in files:
        facts = reading(file.url, partial(_strong_fingerprint, file))
        if facts is None:
            return None
        found.append({"url": file.url, **facts})
    return found


def _strong_fingerprint(file: SourceFile) -> dict[str, Any] | None:
    info = _facts(file)
    if all(name in info for name in local_facts):
        facts = {name: info[name] for name in local_facts}
        is_fresh = time.time() - max(info["mtime"], info["created"]) < fresh_seconds
        return None if is_fresh else facts
    tag = next((str(info[key]) for key in tags if info.get(key)), None)
    if tag is None or tag.startswith("W/"):
        return None
    return {"size": info.get("size"), "tag": tag}


def _fingerprint(file: SourceFile, budget: Budget) -> dict[str, Any]:
    """The file's own tag, else its size and time, else the digest of its bytes."""
    info = _facts(file)
    facts = {"url": file.url, "size": info.get("size")}
    for name, keys in (("tag", tags), ("time", times)):
        if found := next((info[key] for key in keys if info.get(key)), None):
            return facts | {name: str(found)}
    whole = hashlib.sha256()
    for piece in raw_pieces(file, budget):
        whole.update(piece)
    return facts | {"sha256": whole.hexdigest()}


def _facts(file: SourceFile) -> dict[str, Any]:
    """What is known of a file without reading it; nothing where a web server does not tell."""
    filesystem = file.filesystem
    if filesystem.protocol[0] == "http":
        return sync(filesystem.loop, http.file_facts, filesystem, file.path) or {}
    found: dict[str, Any] = filesystem.info(file.path)
    return found
