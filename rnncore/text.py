"""A text that is ranges of a large array of tokens, such as a memory map, read when it is asked for."""

from __future__ import annotations

import mmap
import operator
from contextlib import suppress
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from rnncore.exceptions import InvalidTokens
from rnncore.ranges import checked, cut, merged

# A step of reading, after which the pages of the map are given back. Linux may map all pages of a
# folio, up to 2 MB, when one is read: so 16 ranges are at most 32 MB.
step_tokens = 2**20
step_ranges = 16
folio_bytes = 2**21
short_range = 128  # tokens: for shorter ranges an index of each token is faster than slices


class TokenRanges:
    """The concatenation of ranges (R, 2) of `tokens` (N,), each from a start up to an end.

    With `places` (K,) each token t reads as `places[t]`. Nothing is copied but the bounds, 16 bytes
    a range: `text[n]` is a token, `text[a:b]` a new array. If `tokens` is a read-only memory map,
    its pages are given back after they were read. Raises `InvalidTokens` for ranges that are not
    within `tokens`, and when a token is read that has no place.

    >>> text = TokenRanges(np.array([0, 1, 2, 3, 4], np.uint8), np.array([[3, 5], [0, 2]]))
    >>> len(text), text[0], text[1:]
    (4, 3, array([4, 0, 1], dtype=uint8))
    """

    def __init__(
        self,
        tokens: NDArray[np.integer],
        ranges: NDArray[np.integer],
        places: NDArray[np.integer] | None = None,
    ) -> None:
        for name, array in (("tokens", tokens), ("places", places)):
            if array is not None and (array.ndim != 1 or array.dtype.kind not in "iu"):
                raise InvalidTokens(
                    f"{name} must be one row of whole numbers, not {array.dtype} {array.shape}"
                )
        self._tokens = tokens.view(np.ndarray)  # a slice of a memmap would be one, and slow
        self._map = _read_only_map(tokens)
        self._places = places
        # Of each range (R,): where it starts in `tokens`, and where it ends in this text.
        self._starts, self._ends = merged(checked(ranges, len(tokens)))
        self._whole: NDArray[np.integer] | None = None

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def shape(self) -> tuple[int]:
        """As of an array: (N,)."""
        return (len(self),)

    @property
    def dtype(self) -> np.dtype[np.integer]:
        """The type of the tokens as they are read."""
        return self._tokens.dtype if self._places is None else self._places.dtype

    @overload
    def __getitem__(self, wanted: int) -> int: ...
    @overload
    def __getitem__(self, wanted: slice) -> NDArray[np.integer]: ...
    def __getitem__(self, wanted: int | slice) -> int | NDArray[np.integer]:
        """A token, or a new contiguous array of those of a slice without a step."""
        if isinstance(wanted, slice):
            start, stop, step = wanted.indices(len(self))
            if step != 1:
                raise ValueError(f"a text of ranges is read in steps of 1, not {step}")
            row: NDArray[np.integer] = self.rows([start], max(0, stop - start))[0]
            return row
        at = operator.index(wanted)
        if not -len(self) <= at < len(self):
            raise IndexError(f"token {at} of a text of {len(self)}")
        return int(self.rows([at % len(self)], 1)[0, 0])

    def part(self, start: int, stop: int) -> TokenRanges:
        """The text from one of its tokens up to another, in which nothing is copied either."""
        ranges = cut(self._starts, self._ends, start, stop)
        return TokenRanges(self._tokens, ranges, self._places)

    def whole(self) -> NDArray[np.integer]:
        """All of the text as a read-only array, which is kept: for a text that is short."""
        if self._whole is None:
            whole = self[:]
            whole.flags.writeable = False
            self._whole = whole
        return self._whole

    def rows(self, starts: NDArray[np.int64] | list[int], length: int) -> NDArray[np.integer]:
        """A new array (B, length): the tokens from each of `starts` (B,) on."""
        rows = np.empty((len(starts), length), self.dtype)
        for row, start in zip(rows, starts, strict=True):
            done = 0
            while done < length:
                most = min(length - done, step_tokens)
                step = self._step(int(start) + done, most)
                row[done : done + len(step)] = step
                done += len(step)
        return rows

    def _step(self, start: int, most: int) -> NDArray[np.integer]:
        """Tokens from `start` on: `most`, or fewer if they are of many ranges."""
        first = int(np.searchsorted(self._ends, start, "right"))
        last = int(np.searchsorted(self._ends, start + most, "left"))
        last = min(last, first + step_ranges - 1)
        stop = min(start + most, int(self._ends[last]))
        bounds = np.concatenate([[start], self._ends[first:last], [stop]])  # in this text
        starts = self._starts[first : last + 1].copy()  # in `tokens`
        starts[0] += start - (int(self._ends[first - 1]) if first else 0)
        ends = starts + np.diff(bounds)
        found = _gather(self._tokens, starts, ends)
        self._give_back(starts, ends)
        return found if self._places is None else _replaced(found, self._places)

    def _give_back(self, starts: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Unmap the pages of these ranges, which stay in the system's cache of the file."""
        if self._map is None:
            return
        mapped, offset = self._map
        width = self._tokens.dtype.itemsize
        firsts = (offset + starts * width) // folio_bytes * folio_bytes
        sizes = -((firsts - offset - ends * width) // folio_bytes) * folio_bytes
        with suppress(OSError):  # pages that are locked stay
            for first, size in zip(firsts.tolist(), sizes.tolist(), strict=True):
                mapped.madvise(mmap.MADV_DONTNEED, first, size)


Tokens = NDArray[np.integer] | TokenRanges


def _gather(
    tokens: NDArray[np.integer], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> NDArray[np.integer]:
    """The ranges one after the other, in a new array."""
    lengths = ends - starts
    total = int(lengths.sum())
    if total > short_range * len(starts):
        pairs = zip(starts.tolist(), ends.tolist(), strict=True)
        return np.concatenate([tokens[start:end] for start, end in pairs])
    index = np.repeat(ends - np.cumsum(lengths), lengths)
    return np.take(tokens, index + np.arange(total))


def _replaced(tokens: NDArray[np.integer], places: NDArray[np.integer]) -> NDArray[np.integer]:
    """`places[tokens]`; a negative number is no token."""
    lowest, highest = int(tokens.min()), int(tokens.max())
    if lowest < 0 or highest >= len(places):
        raise InvalidTokens(
            f"there are places for tokens from 0 to {len(places) - 1}, found {lowest} to {highest}"
        )
    return np.take(places, tokens)


def _read_only_map(tokens: NDArray[np.integer]) -> tuple[mmap.mmap, int] | None:
    """The memory map that `tokens` are in, and their place in it; None if pages cannot be given back.

    Pages of a map that can be written may hold what is nowhere else.
    """
    below: Any = tokens
    while below is not None and not isinstance(below, mmap.mmap):
        below = below.obj if isinstance(below, memoryview) else getattr(below, "base", None)
    if below is None or not hasattr(mmap, "MADV_DONTNEED") or not memoryview(below).readonly:
        return None
    if tokens.strides != (tokens.dtype.itemsize,):
        return None
    start = np.frombuffer(below, np.uint8).ctypes.data
    return below, int(tokens.ctypes.data) - start
