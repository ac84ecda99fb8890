"""Whether a corpus has changed since it was last seen."""

from __future__ import annotations

from dataclasses import dataclass

from flows.corpus.fingerprint import fingerprints
from flows.corpus.outside import check_outside
from flows.corpus.request import CorpusRequest
from flows.storage.sources import Fingerprints, Source
from flows.storage.stores import Store


@dataclass(frozen=True, slots=True)
class Comparison:
    """A corpus as it is now, and the record of what it was."""

    source: Source
    files: Fingerprints

    @property
    def is_first(self) -> bool:
        """Whether it was never seen before."""
        return self.source.last_seen is None

    @property
    def has_changed(self) -> bool:
        """Whether it was seen before, and differs now."""
        return not self.is_first and self.source.last_seen != self.files

    def save(self) -> None:
        """Record the present state, where it is new."""
        if self.source.last_seen != self.files:
            self.source.save(self.files)


def compare(store: Store, request: CorpusRequest, model: str) -> Comparison:
    """The state of a corpus now, and the one that was seen last for a model."""
    corpus, encoding, options, storage_options = request
    check_outside(store, request)
    source = Source(store, corpus, encoding, model, options.shaping())
    return Comparison(source, fingerprints(corpus, options, storage_options))
