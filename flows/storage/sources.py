"""The last seen state of a corpus, in a log: to tell whether its files have changed since."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from flows.storage import bounds
from flows.storage.canonical import identity
from flows.storage.log import Log
from flows.storage.stores import Store
from flows.storage.urls import urls_of

kind = "seen"  # of the records
first_model = "default"  # of the records of before, whose sources are of no model

Fingerprints = list[
    dict[str, Any]
]  # of a file each: its URL, its size, and its tag, time or digest


class SeenState(BaseModel):
    """The files of a corpus as they were seen."""

    model_config = ConfigDict(frozen=True)

    files: Fingerprints


class Source:
    """The last seen state of one corpus, for one model, as it was when this was opened."""

    def __init__(
        self, store: Store, corpus: str | Sequence[str], encoding: str, model: str
    ) -> None:
        watched_for = [] if model == first_model else [model]
        self.source_id = identity([urls_of(corpus), encoding, *watched_for])
        self._log = Log(store, f"sources/{self.source_id}/log", bounds.seen_record)
        listing = self._log.list_records()
        self._head = listing.head
        newest = next(listing.contents(kind, SeenState), None)
        self.last_seen: Fingerprints | None = newest[1].files if newest else None

    def save(self, files: Fingerprints) -> None:
        """Append what was seen; `RecordConflict` if another check was recorded meanwhile."""
        content = SeenState(files=files).model_dump(mode="json")
        self._log.append(kind, content, after=self._head)
