"""Unicode normalization of a text in pieces, cut where the parts do not change each other."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Literal
from unicodedata import combining, decomposition, normalize

from flows.exceptions import CorpusError

Form = Literal["NFC", "NFKC"]
longest_run = 500  # of combining characters: no writing has it, and sorting takes its square
vowels_and_finals_of_hangul = {*map(chr, range(0x1161, 0x1176)), *map(chr, range(0x11A8, 0x11C3))}


def normalized(texts: Iterable[str], form: Form, name: str) -> Iterator[str]:
    """A text in pieces, normalized as if it was one string.

    `CorpusError` for a text that could only be normalized as a whole.
    """
    waiting = ""
    for text in texts:
        whole = waiting + text
        at = _last_beginning(whole)
        _check(whole, name)
        waiting = whole[at:]
        yield normalize(form, whole[:at])
    yield normalize(form, waiting)


def _check(text: str, name: str) -> None:
    """Refuse runs of combining characters: all of twice `longest_run` are found, none below it."""
    for at in range(0, len(text) - longest_run, longest_run):
        ends = text[at], text[at + longest_run]
        if any(map(_begins_anew, ends)):
            continue
        if not any(map(_begins_anew, text[at : at + longest_run])):
            raise CorpusError(
                f"{name} has over {longest_run} combining characters in a row, which no writing"
                " has: check its encoding, or give normalize=none"
            )


def _last_beginning(text: str) -> int:
    """The last place before which the text may be cut: no character there joins those before."""
    places = range(len(text) - 1, 0, -1)
    return next((at for at in places if _begins_anew(text[at])), 0)


@cache
def _begins_anew(character: str) -> bool:
    """Whether what it decomposes into neither moves nor merges with characters before it."""
    if character.isascii():
        return True
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
