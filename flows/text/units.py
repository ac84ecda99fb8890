"""A text cut into rows: lines, documents or windows; and long rows into pieces, in flat memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.uint32]  # characters by code point, or bytes
Indices = NDArray[np.int64]

line_feed = 10
context = 32  # characters that are read before a piece in the middle of a text
batch_characters = 1 << 20  # of small files, cut together


class Part(NamedTuple):
    """Some characters of a file, which follow those of the part before."""

    file: int
    points: Points  # (n,)
    is_end: bool


class Batch(NamedTuple):
    """Whole rows, and at its start or end parts of one that is longer than a batch.

    Indices are places in `points`. The first `known` characters were in the batch before.
    """

    points: Points  # (N,)
    known: int
    pieces: Indices  # (K, 3) first and end of what is scored, and the characters read before it
    rows: Indices  # (R, 3) first, end of what is scored, end of its text
    files: Indices  # (R,)
    numbers: Indices  # (R,) in the file, from 1
    offsets: Indices  # (R,) characters of the file before the row
    done: int  # characters of the first row that were in batches before
    is_open: bool  # the last row goes on in the next batch


@dataclass
class Cutter:
    """Cuts files, given in parts, into batches.

    A line's end is scored with it, unless not `scores_ends`: then no line feed is known. Lines and
    documents without a character are counted, but are no rows. A `separator` ends a document.
    """

    unit: Literal["line", "document", "window"]
    window: int
    longest: int  # characters of a piece
    history: int  # characters that are kept of the batch before
    scores_ends: bool
    separator: int | None = None
    _waiting: Points = field(default_factory=lambda: np.empty(0, np.uint32))
    _before: Points = field(default_factory=lambda: np.empty(0, np.uint32))
    _at: int = 0  # characters of the file before those that wait
    _number: int = 1
    _done: int = 0  # characters of the row that were given out

    def batches(self, parts: Iterable[Part]) -> Iterator[Batch]:
        """All rows, in order; small files are put together."""
        waiting: list[Batch] = []
        size = 0
        for part in parts:
            waiting.append(self._cut(part))
            size += len(waiting[-1].points)
            if not part.is_end or size >= batch_characters:
                yield joined(waiting)
                waiting, size = [], 0
        if waiting:
            yield joined(waiting)

    def _cut(self, part: Part) -> Batch:
        """The rows that end in a part, and whole pieces of the one that does not."""
        points = np.concatenate([self._waiting, part.points])
        size = len(points)
        if part.is_end and self.unit == "line" and size and points[-1] != line_feed:
            points = np.append(points, np.uint32(line_feed))
        ends = self._ends(points, is_end=part.is_end)
        last = int(ends[-1]) if len(ends) else 0
        done = 0 if len(ends) else self._done
        # At least one character waits for the end of the row.
        pieces = (len(points) - last - 1) // self.longest if len(points) > last else 0
        is_open, cut = pieces > 0, last + pieces * self.longest
        bounds = np.append(ends, cut) if is_open else ends
        starts = np.concatenate([[0], bounds[:-1]]).astype(np.int64)[: len(bounds)]
        batch = self._batch(part.file, points, starts, bounds, is_open=is_open)
        self._number += len(ends)
        self._done = done + pieces * self.longest
        self._at += cut
        self._before = np.concatenate([self._before, points[:cut]])[-self.history :]
        self._waiting = points[cut:]
        if part.is_end:
            self._start_file()
        return batch

    def _start_file(self) -> None:
        self._waiting = self._before = np.empty(0, np.uint32)
        self._at, self._number, self._done = 0, 1, 0

    def _ends(self, points: Points, *, is_end: bool) -> Indices:
        """Where rows end, with the line feed or separator that ends them."""
        if self.unit == "window":
            ends = np.arange(self.window - self._done, len(points) + 1, self.window)
        elif self.unit == "line":
            ends = np.flatnonzero(points == line_feed) + 1
        elif self.separator is not None:
            ends = np.flatnonzero(points == self.separator) + 1
        else:
            ends = np.empty(0, np.int64)
        if is_end and len(points) > (ends[-1] if len(ends) else 0):
            ends = np.append(ends, len(points))
        return ends.astype(np.int64)

    def _batch(
        self, file: int, points: Points, starts: Indices, ends: Indices, *, is_open: bool
    ) -> Batch:
        """The rows between `starts` and `ends` of a file."""
        ended = self._terminated(points, ends)
        texts = ends - ended
        is_row = (texts > starts) | (np.arange(len(ends)) == 0) & (self._done > 0)
        scored = ends if self.unit == "line" and self.scores_ends else texts
        known, number = len(self._before), self._number
        rows = np.stack([starts, scored, texts], axis=1)[is_row] + known
        return Batch(
            points=np.concatenate([self._before, points]),
            known=known,
            pieces=self._pieces(rows),
            rows=rows,
            files=np.full(len(rows), file),
            numbers=(number + np.arange(len(ends)))[is_row],
            offsets=self._at + rows[:, 0] - known,
            done=self._done,
            is_open=is_open,
        )

    def _terminated(self, points: Points, ends: Indices) -> NDArray[np.bool_]:
        """Which rows end with a line feed or separator, which is no part of their text."""
        terminator = line_feed if self.unit == "line" else self.separator
        if self.unit == "window" or terminator is None or not len(ends):
            return np.zeros(len(ends), bool)
        return np.asarray(points[ends - 1] == terminator)

    def _pieces(self, rows: Indices) -> Indices:
        """Each row in pieces of `longest` characters, the last one shorter."""
        sizes = rows[:, 1] - rows[:, 0]
        counts = -(-sizes // self.longest)
        row = np.repeat(np.arange(len(rows)), counts)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
        firsts = rows[row, 0] + nth * self.longest
        ends = np.minimum(firsts + self.longest, rows[row, 1])
        inside = nth > 0
        if self.unit == "window":
            inside = np.ones(len(row), bool)
        elif self._done and len(rows):
            inside |= row == 0
        before = np.where(inside, np.minimum(context, firsts), 0)
        return np.stack([firsts, ends, before], axis=1)


def joined(batches: list[Batch]) -> Batch:
    """Batches one after the other; all but the last end with a file."""
    if len(batches) == 1:
        return batches[0]
    sizes = np.array([len(batch.points) for batch in batches])
    bases = np.cumsum(sizes) - sizes
    shift = np.array([1, 1, 0])
    pairs = list(zip(bases.tolist(), batches, strict=True))
    return Batch(
        points=np.concatenate([batch.points for batch in batches]),
        known=batches[0].known,
        pieces=np.concatenate([batch.pieces + base * shift for base, batch in pairs]),
        rows=np.concatenate([batch.rows + base for base, batch in pairs]),
        files=np.concatenate([batch.files for batch in batches]),
        numbers=np.concatenate([batch.numbers for batch in batches]),
        offsets=np.concatenate([batch.offsets for batch in batches]),
        done=batches[0].done,
        is_open=batches[-1].is_open,
    )
