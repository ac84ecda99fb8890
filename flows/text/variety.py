"""Variety of some texts: different words, and what is repeated."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.text.words import words_of


def distinct_words(
    tokens: NDArray[np.integer], ends: NDArray[np.int64], is_letter: NDArray[np.bool_], n: int
) -> NDArray[np.float64]:
    """Different sequences of n words of each text, divided by all; NaN where there is none."""
    found = []
    for text in np.split(tokens, ends[:-1]):
        words = words_of(text, is_letter)
        grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
        found.append(len(set(grams)) / len(grams) if grams else np.nan)
    return np.array(found)


def repetition(
    tokens: NDArray[np.integer], ends: NDArray[np.int64], length: int = 10
) -> NDArray[np.float64]:
    """Share of each text's substrings that occurred earlier in it; NaN where it is shorter."""
    found = []
    for text in np.split(tokens, ends[:-1]):
        parts = [text[at : at + length].tobytes() for at in range(len(text) - length + 1)]
        found.append(1 - len(set(parts)) / len(parts) if parts else np.nan)
    return np.array(found)
