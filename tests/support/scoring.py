"""Texts scored as the flow scores them, without Prefect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flows.corpus import CorpusRequest
from flows.lifecycle.scoring import ScoreRequest, batches_at_once, open_scoring
from flows.parameters import ReadingOptions, ScoringOptions
from flows.storage.scores import ScoreRecord
from flows.storage.stores import Store


def write(
    store: Store,
    corpus: str,
    reading: ReadingOptions = ReadingOptions(),
    on_characters: Callable[[int, int], None] = lambda _done, _total: None,
    threads: int = 2,
    **options: Any,
) -> ScoreRecord:
    """Score a text with the champion of model m."""
    asked = CorpusRequest(corpus, "utf-8", reading, {})
    request = ScoreRequest("m", None, None, asked, ScoringOptions(**options))
    with open_scoring(store, request, lambda _: None) as opened:
        if known := opened.known():
            return known
        with ThreadPoolExecutor(threads) as executor:
            return opened.write(executor, batches_at_once(threads, is_here=True), on_characters)
