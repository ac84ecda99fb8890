"""What the files of a corpus looked like when they were last seen, to tell whether they changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from flows.storage.canonical import identity
from flows.storage.corpus import SourceFile, find_files, unreadable
from flows.storage.files import Store
from flows.storage.log import Log
from flows.storage.urls import urls_of

seen = "seen"  # the kind of the records
tags = ("ETag", "etag", "md5Hash", "content_md5")  # what changes with the content, by backend
times = ("mtime", "LastModified", "Last-Modified", "last_modified", "updated")
read_size = 2**20  # bytes

Sighting = list[dict[str, Any]]  # a file each: its URL, its size, and its tag, time or digest


class Source:
    """The record of a corpus's sightings in a store."""

    def __init__(self, store: Store, corpus: str | Sequence[str], encoding: str) -> None:
        self.source_id = identity([urls_of(corpus), encoding])
        self._log = Log(store, f"sources/{self.source_id}/log")
        listing = self._log.look()
        newest = next(listing.newest_first(seen), None)
        self._head = listing.head
        self.last_seen: Sighting | None = newest.content["files"] if newest else None

    def record(self, sighting: Sighting) -> None:
        """Write down what was seen; `RecordConflict` if another look was written down meanwhile."""
        self._log.append(seen, {"files": sighting}, after=self._head)


def look(corpus: str | Sequence[str]) -> Sighting:
    """What the files of `corpus` look like now; `CorpusError` for one that is not there."""
    return [_look_at(file) for file in find_files(corpus)]


def _look_at(file: SourceFile) -> dict[str, Any]:
    """The file's own tag, else its size and time, else the digest of its bytes."""
    try:
        info = file.filesystem.info(file.path)
        facts = {"url": file.url, "size": info.get("size")}
        for name, keys in (("tag", tags), ("time", times)):
            if found := next((info[key] for key in keys if info.get(key)), None):
                return facts | {name: str(found)}
        return facts | {"sha256": _digest_of(file)}
    except Exception as error:  # backends raise of all kinds
        raise unreadable(file.url, error) from None


def _digest_of(file: SourceFile) -> str:
    whole = hashlib.sha256()
    with file.filesystem.open(file.path, "rb") as stream:
        while piece := stream.read(read_size):
            whole.update(piece)
    return whole.hexdigest()
