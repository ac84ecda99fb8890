"""Counting sequences of characters, compiled: a table of all pairs, and tables that are hashed.

A hashed table is an array of 2n numbers, n a power of two: a slot has the key of a sequence, its
tokens one after the other in `bits` bits each, and how often it occurs; 0 is a slot that is free.
This module loads numba: import it where it is used.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import inlined, kernel

Table = NDArray[np.uint64]  # (2n,)


@kernel
def count_characters(tokens: NDArray[np.integer], counts: NDArray[np.uint64]) -> None:
    """Add how often each character occurs to `counts`, (V,)."""
    for token in tokens:
        counts[np.uint64(token)] += np.uint64(1)


@kernel
def count_pairs(
    tokens: NDArray[np.integer],
    bounds: NDArray[np.int64],
    size: int,
    table: NDArray[np.integer],
) -> None:
    """Add the pairs of `size` characters in the parts of a text between `bounds` to `table`,
    (size²,).
    """
    one, width = table.dtype.type(1), np.uint64(size)
    for row in range(len(bounds)):
        part = tokens[bounds[row, 0] : bounds[row, 1]]
        first = np.uint64(part[0])
        for at in range(1, len(part)):
            second = np.uint64(part[at])
            table[first * width + second] += one
            first = second


@kernel
def count_sequences(
    tokens: NDArray[np.integer],
    bounds: NDArray[np.int64],
    length: int,
    bits: int,
    table: Table,
    partition: int,
    partitions: int,
) -> int:
    """Add the sequences of `length` characters between `bounds` to a hashed table with room.

    Of `partitions` kinds, a power of two, those of one alone: all that begin with the same
    characters are of one kind. Returns how many slots it took.
    """
    shift, mask = np.uint64(bits), ~np.uint64(0) >> np.uint64(64 - length * bits)
    kind, kinds = np.uint64(partition), np.uint64(partitions - 1)
    taken = 0
    for row in range(len(bounds)):
        key, part = np.uint64(0), tokens[bounds[row, 0] : bounds[row, 1]]
        for at in range(len(part)):
            key = ((key << shift) | np.uint64(part[at])) & mask
            if at < length - 1:
                continue
            if kinds and kind_of(key >> shift) & kinds != kind:
                continue
            taken += add(table, key, np.uint64(1))
    return taken


@kernel
def sort_into_buckets(
    tokens: NDArray[np.integer],
    bounds: NDArray[np.int64],
    length: int,
    bits: int,
    low: int,
    high: int,
    places: NDArray[np.int64],
    keys: NDArray[np.uint64],
) -> None:
    """Write the keys of sequences whose bucket is in [low, high) to `keys`, from `places` on.

    There are len(places) buckets, a power of two, by all characters but the last. Each place moves
    on; without room in `keys` that is all, so that places count.
    """
    shift, mask = np.uint64(bits), ~np.uint64(0) >> np.uint64(64 - length * bits)
    last, counts_only = np.uint64(len(places) - 1), len(keys) == 0
    for row in range(len(bounds)):
        key, part = np.uint64(0), tokens[bounds[row, 0] : bounds[row, 1]]
        for at in range(len(part)):
            key = ((key << shift) | np.uint64(part[at])) & mask
            bucket = np.int64(kind_of(key >> shift) & last)
            if at < length - 1 or bucket < low or bucket >= high:
                continue
            if not counts_only:
                keys[places[bucket]] = key
            places[bucket] += 1


@kernel
def add_keys(keys: NDArray[np.uint64], table: Table) -> int:
    """Count keys in a table that has room; returns how many slots it took."""
    taken = 0
    for key in keys:
        taken += add(table, key, np.uint64(1))
    return taken


@kernel
def add_shortened(table: Table, bits: int, other: Table) -> int:
    """Add what a table counted, without the last `bits` of each key, to one that has room."""
    shift, taken = np.uint64(bits), 0
    for at in range(0, len(table), 2):
        if table[at + 1]:
            taken += add(other, table[at] >> shift, table[at + 1])
    return taken


@kernel
def sum_of_logarithms(counts: NDArray[np.integer]) -> float:
    """The sum of n log2 n over all counts n."""
    total = 0.0
    for count in counts:
        if count > 1:
            total += count * math.log2(count)
    return total


@inlined
def kind_of(key: np.uint64) -> np.uint64:
    """A number that looks random, and depends on no slot that `add` chooses."""
    mixed = (key ^ (key >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return mixed >> np.uint64(48)


@inlined
def add(table: Table, key: np.uint64, count: np.uint64) -> int:
    """Add to the count of a key; whether it took a slot."""
    one, last = np.uint64(1), np.uint64(len(table) // 2 - 1)
    at = (((key ^ (key >> np.uint64(32))) * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(32)) & last
    while table[at + at + one] and table[at + at] != key:
        at = (at + one) & last
    taken = 0 if table[at + at + one] else 1
    table[at + at] = key
    table[at + at + one] += count
    return taken
