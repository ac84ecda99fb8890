"""Words of texts, and which of them occur in another text.

A word is as many letters, marks and digits in a row as there are: in a script without spaces, a
sentence. Words are compared by a hash of 64 bits.
"""

from __future__ import annotations

import unicodedata

import numpy as np
from numpy.typing import NDArray

from flows.text.hash_set import HashSet
from flows.text.joined import reading, starts_of, texts_of
from flows.text.vocabulary import TokenArray, Vocabulary
from rnncore import Tokens

kinds = "LMN"  # first letters of Unicode's categories: a mark belongs to the letter before it
first_byte_of_others = 0x80  # bytes from here on are of characters that are not ASCII


def letters_of(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which characters of a vocabulary are part of words, (V,).

    Of bytes it is those of ASCII's letters and digits, and all bytes of other characters.

    >>> letters_of(Vocabulary(" 1a-é")).tolist()
    [False, True, True, False, True]
    """
    is_byte = vocabulary.unit == "byte"
    return np.array(
        [
            (is_byte and ord(character) >= first_byte_of_others)
            or unicodedata.category(character)[0] in kinds
            for character in vocabulary.characters
        ],
        bool,
    )


def words_in(
    tokens: TokenArray, ends: NDArray[np.integer], source: Tokens, is_letter: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Which share of the words of each text occurs as words in `source`, (S,); NaN where it has none.

    `tokens` (N,) are texts that end at `ends` (S,); a word that a text begins or ends in counts as
    it stands. The source is read once, in pieces, and memory does not grow with it.
    """
    from flows.text import window_search  # here, since numba is slow to load

    hashes, counts = hashes_of_words(tokens, ends, is_letter)
    words = HashSet.with_room(len(hashes))
    slots = np.empty(len(hashes), np.int32)
    window_search.insert(hashes, words.table, words.sieve, slots)
    value = 0  # the hash of a word that goes on in the next piece
    starts = starts_of(source)
    to_find = words.table, words.sieve, words.found
    for start in starts if len(hashes) else ():
        with reading(source, start, start + starts.step) as part:
            is_last = start + starts.step >= len(source)
            value = window_search.mark_words(part, is_letter, np.uint64(value), is_last, *to_find)
    hits = np.bincount(np.repeat(np.arange(len(counts)), counts), words.found[slots], len(counts))
    shares: NDArray[np.float64] = np.full(len(counts), np.nan)
    np.divide(hits, counts, out=shares, where=counts > 0)
    return shares


def hashes_of_words(
    tokens: TokenArray, ends: NDArray[np.integer], is_letter: NDArray[np.bool_]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """A hash of each word (W,), one text after the other, and how many words each text has, (S,)."""
    from flows.text import window_search

    texts = texts_of(tokens, ends)
    hashes = np.empty((len(tokens) + len(ends)) // 2, np.uint64)
    counts = window_search.hash_words(*texts, is_letter, hashes)
    return hashes[: counts.sum()], counts
