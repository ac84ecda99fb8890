"""Unicode normalization of a text in pieces, cut where the parts do not change each other."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal
from unicodedata import combining, decomposition, is_normalized, normalize

from flows.exceptions import CorpusError

Form = Literal["NFC", "NFKC"]
most_joining = 1000  # no writing has so many in a row, and sorting them takes the square of it
most_waiting = 1 << 20  # characters
vowels_and_finals_of_hangul = {*map(chr, range(0x1161, 0x1176)), *map(chr, range(0x11A8, 0x11C3))}


def normalized(texts: Iterable[str], form: Form, name: str) -> Iterator[str]:
    """A text in pieces, normalized as if it was one string.

    `CorpusError` for a text that could only be normalized as a whole.
    """
    waiting = ""
    for text in texts:
        whole = waiting + text
        at = _last_beginning(whole)
        if len(whole) - at > most_waiting:
            raise _endless(name, len(whole) - at)
        waiting = whole[at:]
        yield _normalized(whole[:at], form, name)
    yield _normalized(waiting, form, name)


def _normalized(text: str, form: Form, name: str) -> str:
    if is_normalized(form, text):
        return text
    if run := _joining_pattern().search(text):
        raise _endless(name, len(run[0]))
    return normalize(form, text)


def _endless(name: str, count: int) -> CorpusError:
    return CorpusError(
        f"{name} has {count:,} combining characters in a row, which no writing has: check its"
        " encoding, or give normalize=none"
    )


def _last_beginning(text: str) -> int:
    """The last place before which the text may be cut: no character there joins those before."""
    places = range(len(text) - 1, 0, -1)
    return next((at for at in places if text[at].isascii() or _begins_anew(text[at])), 0)


@cache
def _begins_anew(character: str) -> bool:
    """Whether what it decomposes into neither moves nor merges with characters before it."""
    firsts = {normalize("NFD", character)[0], normalize("NFKD", character)[0]}
    return firsts.isdisjoint(_joining())


@cache
def _joining() -> frozenset[str]:
    """Characters that may be sorted among those before them, or become one with the last letter."""
    merging = set(vowels_and_finals_of_hangul)
    for number in range(sys.maxunicode + 1):
        character = chr(number)
        if combining(character):
            merging.add(character)
        elif (parts := decomposition(character)) and parts[0] != "<" and " " in parts:
            merging.add(chr(int(parts.split()[1], 16)))
    return frozenset(merging)


@cache
def _joining_pattern() -> re.Pattern[str]:
    characters = "".join(map(re.escape, sorted(_joining())))
    return re.compile(f"[{characters}]{{{most_joining},}}")
