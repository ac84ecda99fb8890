"""Windows and words of texts as hashes of 64 bits, and the search for many of them at once, compiled.

A window is some characters in a row. A set of hashes (`HashSet`) is searched from a place that the
hash gives. Its sieve says of most hashes that they are not in it, and is small enough to stay in
the cache.

A function here calls only functions of this file: numba looks whether this file has changed, not
others. This module loads numba: import it where it is used.
"""

from __future__ import annotations

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


@inlined
def hash_at(
    places: NDArray[np.int64], length: int, power: np.uint64, sums: Hashes, values: Hashes
) -> None:
    """The hashes of the windows of a length at ascending places."""
    if len(places) and places[-1] == len(places) - 1:  # all places: this takes vectors
        first, last = sums[: len(places)], sums[length : length + len(places)]
        for at in range(len(places)):
            values[at] = window_of(first[at], last[at], power)
    else:
        for number in range(len(places)):
            at = places[number]
            values[number] = window_of(sums[at], sums[at + length], power)


@kernel
def insert_windows(
    tokens: NDArray[np.integer],
    ends: Ends,
    wanted: NDArray[np.int64],
    powers: Hashes,
    begun: NDArray[np.int64],
    reach: NDArray[np.int32],
    table: Hashes,
    sieve: Bytes,
    starts: Bytes,
    slots: NDArray[np.int32],
) -> None:
    """Put the windows that `window_limits` counts into a set; fills where each is, (N,).

    `powers` are those of `base`, up to the longest length; beginnings of windows, of each of the
    ascending lengths `begun`, go into the sieve `starts`.
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
                for few in begun:
                    if few <= length:
                        add_to_sieve(window_of(sums[at], sums[at + few], powers[few]), starts)
        start = ends[text]


@kernel
def mark_windows(
    part: NDArray[np.integer],
    windows: int,
    lengths: NDArray[np.int64],
    begun: NDArray[np.int64],
    powers: Hashes,
    table: Hashes,
    sieve: Bytes,
    starts: Bytes,
    found: Bytes,
) -> None:
    """Mark what is in a set of the windows at the first places of a source, of ascending lengths.

    `part` has `windows` places, and behind the last of them as much of the source as there is, up
    to the longest length. Where no window begins, by a length in `begun`, none is looked for.
    """
    shortest, longest = lengths[0], lengths[-1]
    step = max(windows_at_once, longest)
    sums, values = np.empty(step + longest, np.uint64), np.empty(step, np.uint64)
    places, kept = np.empty(step, np.int64), np.empty(step, np.int64)
    for start in range(0, min(windows, len(part) - shortest + 1), step):
        size = min(step + longest - 1, len(part) - start)
        left = min(step, windows - start, size - shortest + 1)
        add_up(part[start : start + size], sums)
        for at in range(left):
            places[at] = at
        tier = 0
        for length in lengths:
            while left and places[left - 1] + length > size:
                left -= 1
            hash_at(places[:left], length, powers[length], sums, values)
            if tier < len(begun) and begun[tier] == length:
                few = sift(values[:left], starts, kept)
                for number in range(few):
                    values[number] = values[kept[number]]
                    places[number] = places[kept[number]]
                left, tier = few, tier + 1
            mark_all(values[:left], table, sieve, found, kept)


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
