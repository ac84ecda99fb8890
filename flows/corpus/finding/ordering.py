"""The order of the files of one folder, pattern or archive."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, TypeVar

from flows.exceptions import CorpusError

Order = Literal["name", "natural", "time"]
File = TypeVar("File")


def in_order(
    files: Iterable[File],
    order: Order,
    where: str,
    *,
    path: Callable[[File], str],
    time: Callable[[File], float | None],
) -> Sequence[File]:
    """`files` by path (code points), by numbers in it, or oldest first; `where` has them all."""
    found = sorted(files, key=path)
    if order == "natural":
        found.sort(key=lambda file: natural_key(path(file)))
    if order == "time" and len(found) > 1:
        if any(time(file) is None for file in found):
            raise CorpusError(
                f"the corpus {where} has no times of its files, so corpus_order cannot be time:"
                " choose name or natural, or give a list"
            )
        found.sort(key=lambda file: time(file) or 0.0)
    return found


def natural_key(path: str) -> list[Any]:
    """A key by which runs of digits are compared by value.

    >>> sorted(["a10", "a9", "a09b"], key=natural_key)
    ['a9', 'a09b', 'a10']
    """
    pieces: list[Any] = re.split("([0-9]+)", path)
    # Compared by length and then as text: no number is too large.
    pieces[1::2] = [(len(digits.lstrip("0")), digits.lstrip("0")) for digits in pieces[1::2]]
    return pieces
