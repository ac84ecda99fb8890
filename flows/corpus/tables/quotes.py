"""A CSV file whose quotes are checked as its bytes pass: readers guess where they do not match.

pyarrow takes a quote that is never closed for the rest of the file as one cell, without an error.
"""

from __future__ import annotations

import codecs
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.corpus.tables.columns import Problem

quote = ord('"')
line_end = ord("\n")


class CheckedQuotes(io.RawIOBase):
    """The file without its byte order mark, with a line end at its end.

    A cell in quotes begins and ends beside a delimiter or a line end; two quotes in it stand for
    one. In a cell without them a quote is a character like any other.
    """

    def __init__(self, stream: Any, delimiter: str) -> None:
        super().__init__()
        self._stream = stream
        marked = stream.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
        self._offset = len(codecs.BOM_UTF8) if marked else 0  # of the next byte
        stream.seek(self._offset)
        self._beside = np.zeros(256, bool)
        self._beside[[ord(delimiter), line_end, ord("\r")]] = True
        self._last = line_end  # the byte before the next one
        self._inside = False  # a cell in quotes
        self._waiting = False  # the last byte is a quote in a cell: its end, or the first of two
        self._opened = 0  # offset of the quote that the cell began with

    def readable(self) -> bool:
        """As files of Python say it."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes; `Problem` at a quote that does not match."""
        data: bytes = self._stream.read(size)
        if data:
            self._check(data)
            self._last = data[-1]
            self._offset += len(data)
        if 0 <= size <= len(data):
            return data
        if self._inside and not self._waiting:
            raise Problem(
                f"the quote at byte offset {self._opened:,} is never closed: end the cell with one"
            )
        self._last, ended = line_end, self._last == line_end
        return data if ended else data + b"\n"

    def _check(self, data: bytes) -> None:
        points = np.frombuffer(data, np.uint8)
        start = 0
        if self._waiting:
            self._waiting = False
            if data[0] == quote:
                start = 1
            else:
                self._close(data[0], 0)
        places = np.flatnonzero(points[start:] == quote) + start
        if len(places) and not self._are_regular(places, points):
            self._check_each(places.tolist(), data)

    def _are_regular(self, places: NDArray[np.int64], points: NDArray[np.uint8]) -> bool:
        """Whether every second quote ends what the one before it began; the usual case, and fast."""
        first = int(self._inside)  # of those that begin a cell, or are the second of two
        before = np.where(places > 0, points[places - 1], self._last)[first::2]
        starts = self._beside[before]
        begins = starts | (before == quote)
        ends = places[1 - first :: 2]
        waiting = bool(len(ends)) and int(ends[-1]) == len(points) - 1
        after = points[(ends[:-1] if waiting else ends) + 1]
        alone = not first and not starts[:1].all()
        if alone or not begins.all() or not (self._beside[after] | (after == quote)).all():
            return False
        if starts.any():
            self._opened = self._offset + int(places[first::2][starts][-1])
        self._inside = waiting or (first + len(places)) % 2 == 1
        self._waiting = waiting
        return True

    def _check_each(self, places: list[int], data: bytes) -> None:
        """The same where quotes also stand in cells without them."""
        second = -1  # place of the second of two quotes
        for place in places:
            if place == second:
                continue
            if not self._inside:
                if self._beside[data[place - 1] if place else self._last]:
                    self._inside, self._opened = True, self._offset + place
            elif place + 1 == len(data):
                self._waiting = True
            elif data[place + 1] == quote:
                second = place + 1
            else:
                self._close(data[place + 1], place + 1)

    def _close(self, after: int, place: int) -> None:
        """The quote before `place` ends a cell."""
        if not self._beside[after]:
            raise Problem(
                f"text goes on after the quote at byte offset {self._offset + place - 1:,}, which ends"
                f" the cell of byte offset {self._opened:,}: write a quote in a cell as two"
            )
        self._inside = False
