"""What the readers of all tables share: names of columns, rows that outgrow a block, errors."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pyarrow as pa

from flows.exceptions import CorpusError

first_block = 1 << 20  # bytes that are parsed at once
most_block = 32 << 20  # so a row may have as many
most_shown = 20  # columns
most_reason = 500  # characters
most_name = 60  # characters of a column's name
outgrown = "straddling object"  # pyarrow: a row is larger than a block


def listed(names: Sequence[str]) -> str:
    """The names of columns, for people."""
    shown = [repr(name if len(name) <= most_name else f"{name[:most_name]}…") for name in names]
    more = f" and {len(names) - most_shown:,} more" if len(names) > most_shown else ""
    return ", ".join(shown[:most_shown]) + more


def missing(name: str, column: str, names: Sequence[str], advice: str = "") -> CorpusError:
    """The error for a column that a table has not."""
    advice = advice or "give one of these as reading.corpus_column"
    return CorpusError(f"{name} has no column {column!r}, but {listed(names)}: {advice}")


class Problem(ValueError):
    """What is wrong with a table, and what to do."""


@contextmanager
def refused(name: str, kind: str) -> Iterator[None]:
    """Whatever a reader raises there becomes one sentence about the table."""
    try:
        yield
    except Problem as error:
        raise CorpusError(f"{name} cannot be read as {kind}: {error}") from error
    except (pa.ArrowException, csv.Error, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())[:most_reason]
        raise CorpusError(
            f"{name} cannot be read as {kind} ({reason}): check it, or export it again"
        ) from error


def growing(read: Callable[[int], Iterator[Any]]) -> Iterator[Any]:
    """What `read` gives in blocks of a size, which doubles where a row is larger."""
    block, done = first_block, 0
    while True:
        try:
            for array in _after(read(block), done):
                done += len(array)
                yield array
        except pa.ArrowInvalid as error:
            if outgrown not in str(error):
                raise
            if block >= most_block:
                raise Problem(
                    f"a row after row {done:,} has more than {most_block:,} bytes: write it in parts"
                ) from error
            block *= 2
        else:
            return


def _after(arrays: Iterator[Any], rows: int) -> Iterator[Any]:
    """`arrays` without their first `rows`."""
    for array in arrays:
        skipped = min(rows, len(array))
        rows -= skipped
        if skipped < len(array):
            yield array.slice(skipped)
