"""What is asked for: a corpus, and how it is to be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flows.parameters import ReadingOptions


class CorpusRequest(NamedTuple):
    """Addresses of a corpus, and how its bytes become text."""

    corpus: str | Sequence[str]
    encoding: str = "utf-8"
    options: ReadingOptions = ReadingOptions()
    storage_options: Mapping[str, Any] | None = None  # of its filesystem: keys, which are not shown
