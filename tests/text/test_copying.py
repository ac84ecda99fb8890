"""The share of substrings that were copied, compared with a plain search."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flows.text import copying
from flows.text.copying import copied_shares
from rnncore import Tokens

words = st.text("abc ж🔦", max_size=60)


def points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def copied_share(texts: list[NDArray[np.uint32]], source: Tokens, length: int) -> float | None:
    """That of one length, measured beside others."""
    [_, [found, none]] = copied_shares([texts, []], source, [length + 1, length])
    assert none is None
    return found


@given(st.lists(words, max_size=3), words, st.integers(1, 6))
@settings(derandomize=True, deadline=None)
def test_the_share_is_that_of_a_plain_search(texts: list[str], source: str, length: int) -> None:
    windows = [text[at : at + length] for text in texts for at in range(len(text) - length + 1)]
    expected = sum(window in source for window in windows) / len(windows) if windows else None
    assert expected == copied_share([points(text) for text in texts], points(source), length)


def test_a_long_source_is_searched_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    source = points("".join(map(chr, range(100, 1000))))
    monkeypatch.setattr(copying, "windows_at_once", 7)
    assert 1.0 == copied_share([source[3:60], source[500:]], source, 10)
    assert 0.0 == copied_share([source[::-1]], source, 2)
