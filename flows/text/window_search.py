"""Windows and words of texts as hashes of 64 bits, and the search for many of them at once, compiled.

A window is some characters in a row. A set of hashes is an array of slots, 0 where one is free,
searched from a place that the hash gives. A byte a slot in front of it says of most hashes that
they are not in the set, and is small enough to stay in the cache.

A function here calls only functions of this file: numba looks whether this file has changed, not
others. This module loads numba: import it where it is used.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import inlined, kernel

Hashes = NDArray[np.uint64]
Bytes = NDArray[np.uint8]
Ends = NDArray[np.int64]  # (S,) where each of some texts ends

base = np.uint64(0x9E3779B97F4A7C15)  # odd, so that a hash depends on all characters
zero, one, three, seven = np.uint64(0), np.uint64(1), np.uint64(3), np.uint64(7)
half = np.uint64(32)  # of a hash, in bits
windows_at_once = 1 << 14  # of the source: their hashes stay in the cache


class HashSet(NamedTuple):
    """Hashes to look for, and which of them were found."""

    table: Hashes  # (slots,)
    sieve: Bytes  # (slots,)
    starts: Bytes  # a sieve of what the windows begin with; empty if they are of one length
    found: Bytes  # (slots,)

    @classmethod
    def with_room(cls, count: int, lengths: int = 1) -> HashSet:
        """An empty set for so many hashes, of windows of that many lengths."""
        slots = count * 5 // 3 + 1
        sizes = slots, 4 * count if lengths > 1 else 0, slots
        return cls(np.zeros(slots, np.uint64), *(np.zeros(size, np.uint8) for size in sizes))


@inlined
def mixed(value: np.uint64) -> np.uint64:
    """A hash whose upper bits depend on all of `value`."""
    return (value ^ (value >> half)) * base


@inlined
def place_of(value: np.uint64, slots: np.uint64) -> np.uint64:
    """Where the search for a hash begins, in eighths of a slot."""
    return ((mixed(value) >> half) * (slots << three)) >> half


@inlined
def slot_of(value: np.uint64, table: Hashes) -> int:
    """Where a hash is, or the free slot for it."""
    slots = np.uint64(len(table))
    at = place_of(value, slots) >> three
    while table[at] and table[at] != value:
        at += one
        if at == slots:
            at = zero
    return int(at)


@inlined
def add_to_sieve(value: np.uint64, sieve: Bytes) -> None:
    """Say that a hash may be in a set."""
    place = place_of(value, np.uint64(len(sieve)))
    sieve[place >> three] |= np.uint8(one << (place & seven))


@inlined
def put(value: np.uint64, table: Hashes, sieve: Bytes) -> int:
    """Put a hash into a set that has room; where it is."""
    add_to_sieve(value, sieve)
    slot = slot_of(value, table)
    table[slot] = value
    return slot


@inlined
def sift(values: Hashes, sieve: Bytes, kept: NDArray[np.int64]) -> np.int64:
    """Fills which of `values` may be in a set, and returns how many they are."""
    slots, left = np.uint64(len(sieve)), zero
    for at in range(len(values)):
        place = place_of(values[at], slots)
        kept[left] = at  # no branch: whether it stays is as good as random
        left += np.uint64(sieve[place >> three] >> (place & seven)) & one
    return np.int64(left)


@inlined
def mark_all(
    values: Hashes, table: Hashes, sieve: Bytes, found: Bytes, kept: NDArray[np.int64]
) -> None:
    """Mark the slots of those of `values` that are in a set."""
    for number in range(sift(values, sieve, kept)):
        slot = slot_of(values[kept[number]], table)
        if table[slot]:
            found[slot] = 1


@inlined
def add_up(tokens: NDArray[np.integer], sums: Hashes) -> None:
    """The hash of each beginning of a text (N,), (N + 1,), from which those of windows follow."""
    value = sums[0] = zero
    for at in range(len(tokens)):
        value = value * base + np.uint64(tokens[at]) + one
        sums[at + 1] = value


@inlined
def window_of(before: np.uint64, after: np.uint64, power: np.uint64) -> np.uint64:
    """The hash of a window, from those of the text before and up to its end; never 0."""
    value = after - before * power
    return value + np.uint64(value == zero)


@kernel
def limit(ends: Ends, most: int, reach: NDArray[np.int32]) -> None:
    """What can at most be copied from each character (N,) on: up to the end of its text, or `most`."""
    start = 0
    for end in ends:
        for at in range(start, end):
            reach[at] = min(end - at, most)
        start = end


@kernel
def count_windows(ends: Ends, wanted: NDArray[np.int64], reach: NDArray[np.int32]) -> int:
    """How many windows of the length that is `wanted` of each text (S,), 0 for none, may be copied."""
    total = start = 0
    for text in range(len(ends)):
        if wanted[text]:
            for at in range(start, ends[text]):
                total += reach[at] >= wanted[text]
        start = ends[text]
    return total


@kernel
def insert_windows(
    tokens: NDArray[np.integer],
    ends: Ends,
    wanted: NDArray[np.int64],
    powers: Hashes,
    shortest: int,
    reach: NDArray[np.int32],
    table: Hashes,
    sieve: Bytes,
    starts: Bytes,
    slots: NDArray[np.int32],
) -> None:
    """Put the windows that `count_windows` counts into a set; fills where each is, (N,).

    `powers` are those of `base`, up to the longest length; beginnings of windows, of `shortest`
    tokens, go into the sieve `starts`.
    """
    start = 0
    for text in range(len(ends)):
        length, size = wanted[text], ends[text] - start
        sums = np.empty(size + 1 if length else 1, np.uint64)
        add_up(tokens[start : ends[text] if length else start], sums)
        for at in range(size - length + 1 if length else 0):
            if reach[start + at] >= length:
                value = window_of(sums[at], sums[at + length], powers[length])
                slots[start + at] = put(value, table, sieve)
                if len(starts):
                    beginning = window_of(sums[at], sums[at + shortest], powers[shortest])
                    add_to_sieve(beginning, starts)
        start = ends[text]


@kernel
def mark_windows(
    part: NDArray[np.integer],
    windows: int,
    lengths: NDArray[np.int64],
    powers: Hashes,
    table: Hashes,
    sieve: Bytes,
    starts: Bytes,
    found: Bytes,
) -> None:
    """Mark what is in a set of the windows at the first places of a source, of ascending lengths.

    `part` has `windows` places, and behind the last of them as much of the source as there is, up
    to the longest length.
    """
    shortest, longest = lengths[0], lengths[-1]
    step = max(windows_at_once, longest)
    sums = np.empty(step + longest, np.uint64)
    values, places, kept = (
        np.empty(step, np.uint64),
        np.empty(step, np.int64),
        np.empty(step, np.int64),
    )
    for start in range(0, min(windows, len(part) - shortest + 1), step):
        size = min(step + longest - 1, len(part) - start)
        count = min(step, windows - start, size - shortest + 1)
        add_up(part[start : start + size], sums)
        first, last = sums[:count], sums[shortest : shortest + count]
        for at in range(count):
            values[at] = window_of(first[at], last[at], powers[shortest])
        if len(starts) == 0:
            mark_all(values[:count], table, sieve, found, kept)
            continue
        few = sift(values[:count], starts, places)
        for length in lengths:
            while few and places[few - 1] + length > size:
                few -= 1
            for number in range(few):
                at = places[number]
                values[number] = window_of(sums[at], sums[at + length], powers[length])
            mark_all(values[:few], table, sieve, found, kept)


@kernel
def settle(
    ends: Ends,
    wanted: NDArray[np.int64],
    slots: NDArray[np.int32],
    found: Bytes,
    reach: NDArray[np.int32],
    most: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many wanted windows of each text (S,) were found; what was not limits `reach` and `most`."""
    hits, start = np.zeros(len(ends), np.int64), 0
    for text in range(len(ends)):
        length, longest = wanted[text], 0
        for back in range(ends[text] - start if length else 0):
            at = ends[text] - 1 - back
            possible = int(reach[at])
            if possible >= length:
                if found[slots[at]]:
                    hits[text] += 1
                else:
                    possible = length - 1
            # Nothing ends later than what is copied from the next character on.
            possible = min(possible, int(reach[at + 1]) + 1 if back else 1)
            reach[at] = possible
            longest = max(longest, possible)
        if length:
            most[text] = longest
        start = ends[text]
    return hits


@kernel
def hash_windows(
    tokens: NDArray[np.integer], ends: Ends, length: int, power: np.uint64, hashes: Hashes
) -> NDArray[np.int64]:
    """Fills the hashes of all windows of `length` of each text; how many each text has, (S,)."""
    counts, start, filled = np.zeros(len(ends), np.int64), 0, 0
    for text in range(len(ends)):
        size = ends[text] - start
        sums = np.empty(size + 1, np.uint64)
        add_up(tokens[start : ends[text]], sums)
        for at in range(size - length + 1):
            hashes[filled + at] = window_of(sums[at], sums[at + length], power)
        counts[text] = max(0, size - length + 1)
        filled += counts[text]
        start = ends[text]
    return counts


@inlined
def is_in_word(token: np.uint64, is_letter: NDArray[np.bool_]) -> bool:
    """Whether a token is part of a word; what is_letter (V,) does not name is not."""
    return bool(token < np.uint64(len(is_letter)) and is_letter[token])


@kernel
def hash_words(
    tokens: NDArray[np.integer], ends: Ends, is_letter: NDArray[np.bool_], hashes: Hashes
) -> NDArray[np.int64]:
    """Fills the hashes of the words of each text, ((N + S) / 2,); how many each text has, (S,)."""
    counts, start, filled = np.zeros(len(ends), np.int64), 0, 0
    for text in range(len(ends)):
        value, before = zero, filled
        for at in range(start, ends[text]):
            token = np.uint64(tokens[at])
            if is_in_word(token, is_letter):
                value = value * base + token + one
            elif value:
                hashes[filled] = mixed(value)
                filled, value = filled + 1, zero
        if value:
            hashes[filled] = mixed(value)
            filled += 1
        counts[text] = filled - before
        start = ends[text]
    return counts


@kernel
def mark_words(
    part: NDArray[np.integer],
    is_letter: NDArray[np.bool_],
    value: np.uint64,
    final: bool,
    table: Hashes,
    sieve: Bytes,
    found: Bytes,
) -> int:
    """Mark the words of a source that end in this part of it; with `final` it ends there too.

    `value` is what was read of a word that began before, and what is returned of one that goes on.
    """
    values, kept = np.empty(windows_at_once, np.uint64), np.empty(windows_at_once, np.int64)
    count = 0
    for at in range(len(part)):
        token = np.uint64(part[at])
        if is_in_word(token, is_letter):
            value = value * base + token + one
        elif value:
            values[count] = mixed(value)
            count, value = count + 1, zero
            if count == windows_at_once - 1:  # room for the last word
                mark_all(values[:count], table, sieve, found, kept)
                count = 0
    if final and value:
        values[count] = mixed(value)
        count += 1
    mark_all(values[:count], table, sieve, found, kept)
    return value  # type: ignore[return-value]


@kernel
def insert(hashes: Hashes, table: Hashes, sieve: Bytes, slots: NDArray[np.int32]) -> None:
    """Put hashes into a set; fills where each is."""
    for at in range(len(hashes)):
        slots[at] = put(hashes[at], table, sieve)


@kernel
def count_distinct(hashes: Hashes, counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many different hashes each text has, (S,), of `counts` hashes, one text after the other."""
    found, start = np.zeros(len(counts), np.int64), 0
    slots = 2 * counts.max() + 1 if len(counts) else 0
    table, owner = np.zeros(slots, np.uint64), np.full(slots, -1)  # a slot of another text is free
    for text in range(len(counts)):
        used = np.uint64(2 * counts[text] + 1)
        for value in hashes[start : start + counts[text]]:
            at = place_of(value, used) >> three
            while owner[at] == text and table[at] != value:
                at = at + one if at + one < used else zero
            if owner[at] != text:
                table[at], owner[at] = value, text
                found[text] += 1
        start += counts[text]
    return found
