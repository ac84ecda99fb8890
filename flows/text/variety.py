"""How much of a text is new in it: different words, and windows that it has not had before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.text.joined import texts_of
from flows.text.vocabulary import TokenArray
from flows.text.words import hashes_of_words


def distinct_words(
    tokens: TokenArray, ends: NDArray[np.integer], is_letter: NDArray[np.bool_], n: int
) -> NDArray[np.float64]:
    """Different sequences of `n` words divided by all of them, (S,), known as distinct-n.

    `tokens` (N,) are texts that end at `ends` (S,). NaN for a text of fewer words.

    >>> text, letters = np.frombuffer(b"to be or not to be", np.uint8), np.arange(256) > 32
    >>> distinct_words(text, np.array([18]), letters, 2)
    array([0.8])
    """
    words, counts = hashes_of_words(tokens, ends, is_letter)
    different, total = _different(words, np.cumsum(counts), n)
    return _shares(different, total)


def repetition(
    tokens: TokenArray, ends: NDArray[np.integer], length: int = 10
) -> NDArray[np.float64]:
    """Share of the windows of `length` tokens that occurred earlier in the same text, (S,).

    `tokens` (N,) are texts that end at `ends` (S,). NaN for a text that is shorter.

    >>> repetition(np.frombuffer(b"abcabcd", np.uint8), np.array([7]), 3)
    array([0.2])
    """
    different, total = _different(*texts_of(tokens, ends), length)
    return _shares(total - different, total)


def _different(
    tokens: TokenArray, ends: NDArray[np.int64], length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many different windows each text has, (S,), and how many in all, (S,)."""
    from flows.text import window_search  # here, since numba is slow to load

    hashes = np.empty(len(tokens), np.uint64)
    power = np.uint64(pow(int(window_search.base), length, 1 << 64))
    total = window_search.hash_windows(tokens, ends, length, power, hashes)
    return window_search.count_distinct(hashes, total), total


def _shares(some: NDArray[np.int64], total: NDArray[np.int64]) -> NDArray[np.float64]:
    """`some` divided by `total`; NaN where that is 0."""
    shares: NDArray[np.float64] = np.full(len(total), np.nan)
    np.divide(some, total, out=shares, where=total > 0)
    return shares
