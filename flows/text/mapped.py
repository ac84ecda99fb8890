"""Reading a text that may be mapped from a file: in parts, whose memory is given back."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.text.vocabulary import TokenArray

piece_characters = 1 << 22  # at a time, where nothing asks for fewer
around = 1 << 21  # bytes that the system may map around one that is read
most_blocks = 16  # at a time


def parts_of(
    tokens: TokenArray, bounds: NDArray[np.int64], length: int = 1, characters: int | None = None
) -> Iterator[tuple[TokenArray, NDArray[np.int64]]]:
    """The tokens, with bounds of parts of the blocks in `bounds`, `characters` or up to twice that.

    Every sequence of `length` characters of a block is in one part. The memory of a part is given
    back when the next one is asked for.
    """
    plain = plain_of(tokens)
    parts, ends = _cut(bounds, characters or piece_characters, length)
    total = int(ends[-1]) if len(ends) else 0
    cuts = np.searchsorted(ends, np.arange(0, total, characters or piece_characters))
    for first, last in pairwise([*np.unique(cuts).tolist(), len(parts)]):
        yield plain, parts[first:last]
        give_back(tokens, int(parts[first, 0]), int(parts[last - 1, 1]))


def plain_of(tokens: TokenArray) -> TokenArray:
    """`tokens` as one kind of array, however it is kept: kernels are compiled for each kind."""
    plain = tokens.view(np.ndarray)
    plain.flags.writeable = False
    return plain


def give_back(tokens: NDArray[Any], start: int, end: int) -> None:
    """Let the system take the memory of a part of an array that is mapped from a file, read-only."""
    mapped = getattr(tokens, "_mmap", None)
    if mapped is None or tokens.flags.writeable or not hasattr(mapped, "madvise"):
        return
    before = tokens.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    first = max(0, before + start * tokens.itemsize - around) // mmap.PAGESIZE * mmap.PAGESIZE
    last = min(before + end * tokens.itemsize + around, len(mapped))
    mapped.madvise(mmap.MADV_DONTNEED, first, last - first)


def _cut(
    bounds: NDArray[np.int64], characters: int, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Parts of the blocks, which overlap, and about how many sequences are in them up to each."""
    bounds = bounds[bounds[:, 1] - bounds[:, 0] >= length]
    last = bounds[:, 1] - length + 1  # past where the last sequence of a block starts
    count = -((bounds[:, 0] - last) // characters)
    first = np.repeat(np.cumsum(count) - count, count)
    starts = np.repeat(bounds[:, 0], count) + characters * (np.arange(len(first)) - first)
    ends = np.minimum(starts + characters, np.repeat(last, count)) + length - 1
    weights = np.maximum(ends - starts - length + 1, characters // most_blocks)
    return np.stack([starts, ends], axis=1), np.cumsum(weights)
