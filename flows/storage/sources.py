"""What corpora looked like, in logs: when they were last checked, and when they were last read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from flows.storage import bounds
from flows.storage.canonical import identity
from flows.storage.log import Log
from flows.storage.stores import Store
from flows.storage.urls import urls_of

seen, read = "seen", "read"  # kinds of records
first_model = "default"  # of the records of before, whose sources are of no model

Fingerprints = list[
    dict[str, Any]
]  # of a file each: its URL, its size, and its tag, time or digest


class SeenState(BaseModel):
    """The files of a corpus as they were seen."""

    model_config = ConfigDict(frozen=True)

    files: Fingerprints


class ReadState(BaseModel):
    """The files of a corpus as they were when they were read, and what they gave."""

    model_config = ConfigDict(frozen=True)

    files: Fingerprints
    dataset_id: str


class Source:
    """The last seen state of one corpus, for one model, as it was when this was opened.

    `options` are those that the corpus is read with, where they are not the usual ones.
    """

    def __init__(
        self,
        store: Store,
        corpus: str | Sequence[str],
        encoding: str,
        model: str,
        options: Mapping[str, Any],
    ) -> None:
        watched_for = [] if model == first_model else [model]
        self.source_id = _identity(corpus, encoding, options, *watched_for)
        self._log = Log(store, f"sources/{self.source_id}/log", bounds.seen_record)
        listing = self._log.list_records()
        self._head = listing.head
        newest = next(listing.contents(seen, SeenState), None)
        self.last_seen: Fingerprints | None = newest[1].files if newest else None

    def save(self, files: Fingerprints) -> None:
        """Append what was seen; `RecordConflict` if another check was recorded meanwhile."""
        content = SeenState(files=files).model_dump(mode="json")
        self._log.append(seen, content, after=self._head)


class ReadSource:
    """What one corpus gave when it was last read with some options, for whatever model."""

    def __init__(
        self, store: Store, corpus: str | Sequence[str], encoding: str, options: Mapping[str, Any]
    ) -> None:
        source_id = _identity(corpus, encoding, {**options, "log of": read})
        self._log = Log(store, f"sources/{source_id}/log", bounds.seen_record)

    def dataset_of(self, files: Fingerprints) -> str | None:
        """The id of the dataset that files in this state gave, if they were read last so."""
        last = self._last()
        return last.dataset_id if last and last.files == files else None

    def save(self, files: Fingerprints, dataset_id: str) -> None:
        """Record what the files gave, where that is new."""
        state = ReadState(files=files, dataset_id=dataset_id)
        if self._last() != state:
            self._log.update(read, lambda _: state)

    def _last(self) -> ReadState | None:
        newest = next(self._log.list_records().contents(read, ReadState), None)
        return newest[1] if newest else None


def _identity(
    corpus: str | Sequence[str], encoding: str, options: Mapping[str, Any], *model: str
) -> str:
    """The id of a source; options that are the usual ones are not in it."""
    return identity([urls_of(corpus), encoding, *([dict(options)] if options else []), *model])
