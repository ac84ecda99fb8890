"""The search for many substrings in a text at once, compiled.

A substring of some length is known by a hash of 64 bits, which moves on by a character in two
products. This module loads numba: import it where it is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import inlined, kernel

base = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a hash depends on all characters
zero, one = np.uint64(0), np.uint64(1)


@kernel
def hash_windows(
    text: NDArray[np.integer], length: int, power: np.uint64, hashes: NDArray[np.uint64]
) -> None:
    """The hash of each window of `length` characters, (N - length + 1,), never 0."""
    value = zero
    for at in range(len(text)):
        value = value * base + np.uint64(text[at]) + one
        if at >= length:
            value -= (np.uint64(text[at - length]) + one) * power
        if at >= length - 1:
            hashes[at - length + 1] = value or one


@kernel
def insert(hashes: NDArray[np.uint64], table: NDArray[np.uint64]) -> None:
    """Put hashes into a table (2^n,) that has room; 0 is a free slot."""
    for value in hashes:
        table[slot_of(value, table)] = value


@kernel
def mark(hashes: NDArray[np.uint64], table: NDArray[np.uint64], found: NDArray[np.uint8]) -> None:
    """Mark the slots of those hashes that are in the table."""
    for value in hashes:
        slot = slot_of(value, table)
        if table[slot]:
            found[slot] = 1


@kernel
def count(hashes: NDArray[np.uint64], table: NDArray[np.uint64], found: NDArray[np.uint8]) -> int:
    """How many of hashes that are all in the table are marked."""
    total = 0
    for value in hashes:
        total += found[slot_of(value, table)]
    return total


@inlined
def slot_of(value: np.uint64, table: NDArray[np.uint64]) -> int:
    """Where a hash is, or the free slot for it."""
    last = np.uint64(len(table) - 1)
    at = ((value ^ (value >> np.uint64(32))) * base >> np.uint64(32)) & last
    while table[at] and table[at] != value:
        at = (at + one) & last
    return int(at)
