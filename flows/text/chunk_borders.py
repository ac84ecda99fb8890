"""The search for borders of blocks, compiled. This module loads numba: import it where it is used."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import kernel

window = 64  # characters that a hash depends on: each doubling pushes one out of its 64 bits


@kernel
def find_ends(
    tokens: NDArray[np.integer],
    gears: NDArray[np.uint64],
    newline: int,
    shortest: int,
    longest: int,
    is_end: bool,
    ends: NDArray[np.int64],
) -> int:
    """Write where the blocks of a part of a file end to `ends`; returns how many."""
    count, start, one = 0, 0, np.uint64(1)
    while len(tokens) - start > longest:
        block = tokens[start : start + longest]
        smallest, place = ~np.uint64(0), longest
        smallest_of_lines, line_end = ~np.uint64(0), 0
        value = np.uint64(0)
        for at in range(shortest - window, shortest):
            value = (value << one) + gears[np.uint64(block[at])]
        for at in range(shortest, longest):
            value = (value << one) + gears[np.uint64(block[at])]
            if value < smallest:
                smallest, place = value, at + 1
            if block[at] == newline and (value < smallest_of_lines or not line_end):
                smallest_of_lines, line_end = value, at + 1
        start += line_end or place
        ends[count] = start
        count += 1
    if is_end and start < len(tokens):
        ends[count] = len(tokens)
        count += 1
    return count
