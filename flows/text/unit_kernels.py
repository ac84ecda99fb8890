"""The passes over a batch of rows, compiled: equal pieces found, tokens laid out, scores summed up.

A function here calls only functions of this file. This module loads numba: import it where it is
used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import inlined, kernel

base = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a hash depends on all characters
one, half = np.uint64(1), np.uint64(32)
Tokens = NDArray[np.int32]
Indices = NDArray[np.int64]


@kernel
def find_equal(
    tokens: Tokens, pieces: Indices, unknown: int, table: Indices, hashes: NDArray[np.uint64],
    first: Indices, has_unknown: NDArray[np.bool_],
) -> None:  # fmt: skip
    """For each piece (K, 3) the first one with the same tokens, and whether one is `unknown`.

    `table` (2^n,) of -1 has more slots than there are pieces.
    """
    last = np.uint64(len(table) - 1)
    for k in range(len(pieces)):
        start, end = pieces[k, 0] - pieces[k, 2], pieces[k, 1]
        value = np.uint64(pieces[k, 2])
        for at in range(start, end):
            value = (value + np.uint64(tokens[at]) + one) * base
            if tokens[at] == unknown:
                has_unknown[k] = True
        hashes[k] = value
        slot = (value ^ (value >> half)) * base >> half & last
        while table[slot] >= 0 and not same(tokens, pieces, hashes, table[slot], k):
            slot = (slot + one) & last
        if table[slot] < 0:
            table[slot] = k
        first[k] = table[slot]


@inlined
def same(tokens: Tokens, pieces: Indices, hashes: NDArray[np.uint64], a: int, b: int) -> bool:
    """Whether two pieces are read after the same context, and have the same tokens."""
    before, size = pieces[a, 2], pieces[a, 1] - pieces[a, 0]
    is_same = hashes[a] == hashes[b] and before == pieces[b, 2]
    is_same = is_same and size == pieces[b, 1] - pieces[b, 0]
    if is_same:
        one_start, other_start = pieces[a, 0] - before, pieces[b, 0] - before
        for at in range(before + size):
            is_same = is_same and tokens[one_start + at] == tokens[other_start + at]
    return bool(is_same)


@kernel
def lay_out(
    tokens: Tokens, pieces: Indices, start: int, units: Tokens, firsts: Indices, ends: Indices
) -> None:
    """The tokens of pieces (K, 3) as units to read, each after its context or after `start`.

    A piece without context begins with its own first token where `start` is negative. Fills where
    the tokens of each piece begin among those of the units, and where each unit ends.
    """
    at = 0
    for k in range(len(pieces)):
        if pieces[k, 2] == 0 and start >= 0:
            units[at] = start
            at += 1
        firsts[k] = at + pieces[k, 2]
        for place in range(pieces[k, 0] - pieces[k, 2], pieces[k, 1]):
            units[at] = tokens[place]
            at += 1
        ends[k] = at


@kernel
def put_back(
    read: NDArray[np.float64], pieces: Indices, firsts: Indices, nats: NDArray[np.float64]
) -> None:
    """The nats of each piece (K, 3) at its place in the text, from where those of an equal one are."""
    for k in range(len(pieces)):
        for at in range(pieces[k, 1] - pieces[k, 0]):
            nats[pieces[k, 0] + at] = read[firsts[k] + at]


@kernel
def sum_up(
    nats: NDArray[np.float64], rows: Indices, skipped: NDArray[np.bool_], before: int, span: int,
    sums: NDArray[np.float64], best: NDArray[np.float64], best_starts: Indices,
) -> None:  # fmt: skip
    """The nats of each row (R, 3), and of its `span` characters that have the most together.

    Best is the mean of these characters, or of all where there are fewer; the first of equal ones.
    The first character of a row that is `skipped` is not scored. Of the first row, spans may begin
    `before` characters earlier.
    """
    for r in range(len(rows)):
        start, end = rows[r, 0] + skipped[r], rows[r, 1]
        total = 0.0
        for at in range(start, end):
            total += nats[at]
        sums[r] = total
        if r == 0:
            start -= before
        width = min(span, end - start)
        window = 0.0
        for at in range(start, start + width):
            window += nats[at]
        most, place = window, start
        for at in range(start + width, end):
            window += nats[at] - nats[at - width]
            if window > most:
                most, place = window, at - width + 1
        best[r] = most / max(width, 1)
        best_starts[r] = place
