"""Texts scored as the flow scores them, without Prefect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flows.corpus import CorpusRequest
from flows.lifecycle.scoring import ScoreRequest, open_scoring
from flows.parameters import ReadingOptions, ScoringOptions
from flows.storage.scores import ScoreRecord
from flows.storage.stores import Store


def write(
    store: Store,
    corpus: str,
    reading: ReadingOptions = ReadingOptions(),
    on_characters: Callable[[int, int], None] = lambda _done, _total: None,
    **options: Any,
) -> ScoreRecord:
    """Score a text with the champion of model m."""
    asked = CorpusRequest(corpus, "utf-8", reading, {})
    request = ScoreRequest("m", None, None, asked, ScoringOptions(**options))
    with open_scoring(store, request, lambda _: None) as opened:
        return opened.known() or opened.write(on_characters)
