"""How often the sequences of characters in a text occur, in bounded memory, as sums for entropies."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.mapped import parts_of
from flows.text.vocabulary import TokenArray

group_characters = 1 << 15  # at a time, or up to twice as many: a table has room for them before
widest_pairs = 12  # bits of a token up to which pairs are counted in a table of all, 64 MB
smallest_table = 1 << 18  # slots of 16 bytes
largest_table = 1 << 21
most_partitions = 16  # of the sequences: each is one more pass over the text
buckets = 1 << 11  # of the sequences, so that the table of one is in the cache
most_keys = 1 << 22  # sequences that are sorted into buckets at a time, 32 MB
most_in_32_bits = 1 << 32  # characters: beyond, counts are of 64 bits
triple = 3  # characters


class Sums(NamedTuple):
    """Sums of n log2 n over the counts n of sequences, and of their beginnings."""

    sequences: float
    beginnings: float  # without their last character
    firsts: NDArray[np.uint64] | None = None  # how often each character begins a pair, if counted

    def bits(self, count: int) -> float:
        """Bits per character, given those before it, of `count` characters."""
        return max(0.0, (self.beginnings - self.sequences) / count)


class Table:
    """A hashed table of sequences that grows."""

    def __init__(
        self, bits: int, kind: tuple[int, int] = (0, 1), slots: int = smallest_table
    ) -> None:
        self._bits, self._kind = bits, kind  # partition, and how many partitions
        self._slots: NDArray[np.uint64] = np.zeros(2 * slots, np.uint64)
        self._taken = 0

    def count(
        self, tokens: TokenArray, bounds: NDArray[np.int64], length: int, most: int | None = None
    ) -> bool:
        """Count the sequences of `length`; False if `most` slots have no room for them."""
        from flows.text.sequence_counts import count_sequences

        for plain, group in parts_of(tokens, bounds, length, group_characters):
            if not self._make_room(2 * group_characters, most):
                return False
            self._taken += count_sequences(
                plain, group, length, self._bits, self._slots, *self._kind
            )
        return True

    def add(self, keys: NDArray[np.uint64]) -> None:
        """Count sequences by their keys."""
        from flows.text.sequence_counts import add_keys

        for start in range(0, len(keys), group_characters):
            group = keys[start : start + group_characters]
            self._make_room(len(group), None)
            self._taken += add_keys(group, self._slots)

    def shortened(self) -> Table:
        """What was counted, without the last character of each sequence."""
        from flows.text.sequence_counts import add_shortened

        other = Table(self._bits, slots=len(self._slots) // 2)
        other._taken = add_shortened(self._slots, self._bits, other._slots)
        return other

    @property
    def sum(self) -> float:
        """The sum of n log2 n over the counts n."""
        from flows.text.sequence_counts import sum_of_logarithms

        return sum_of_logarithms(self._slots[1::2])

    def _make_room(self, more: int, most: int | None) -> bool:
        """Grow until a quarter is free after `more` sequences; False if that takes over `most`."""
        from flows.text.sequence_counts import add_shortened

        while self._taken + more > len(self._slots) * 3 // 8:
            if most and len(self._slots) >= 2 * most:
                return False
            larger: NDArray[np.uint64] = np.zeros(2 * len(self._slots), np.uint64)
            add_shortened(self._slots, 0, larger)
            self._slots = larger
        return True


def bits_of(size: int) -> int:
    """Bits of a token of `size` characters."""
    return max(1, (size - 1).bit_length())


def sums_of_pairs(tokens: TokenArray, bounds: NDArray[np.int64], size: int) -> Sums | None:
    """Sums for pairs of `size` characters; None if that would take too many passes over the text."""
    bits = bits_of(size)
    if bits <= widest_pairs:
        return _sums_in_square(tokens, bounds, size)
    partitions = 1
    while partitions <= most_partitions:
        sequences = beginnings = 0.0
        for partition in range(partitions):
            table = Table(bits, (partition, partitions), smallest_table)
            if not table.count(tokens, bounds, 2, largest_table):
                break
            sequences += table.sum
            beginnings += table.shortened().sum
        else:
            return Sums(sequences, beginnings)
        partitions *= 4
    return None


def sums_of_triples_and_more(
    tokens: TokenArray, bounds: NDArray[np.int64], bits: int
) -> tuple[Sums, Sums]:
    """Sums for sequences of 3 and of 4 characters: in one pass, unless there are very many."""
    fours = Table(bits, slots=smallest_table)
    if not fours.count(tokens, bounds, triple + 1, largest_table):
        del fours
        threes = Table(bits, slots=smallest_table)
        fit = threes.count(tokens, bounds, triple, largest_table)
        second = _sums(threes) if fit else sums_in_buckets(tokens, bounds, triple, bits)
        return second, sums_in_buckets(tokens, bounds, triple + 1, bits)
    threes = fours.shortened()
    third = Sums(fours.sum, threes.sum)
    # Those at the end of a block begin no longer sequence.
    ends = bounds[bounds[:, 1] - bounds[:, 0] >= triple, 1]
    threes.count(tokens, np.stack([ends - triple, ends], axis=1), triple)
    return _sums(threes), third


def sums_in_buckets(tokens: TokenArray, bounds: NDArray[np.int64], length: int, bits: int) -> Sums:
    """Sums for any number of different sequences: first sorted into buckets, then counted."""
    sizes = np.zeros(buckets, np.int64)
    _sort(tokens, bounds, length, bits, (0, buckets), sizes, np.empty(0, np.uint64))
    ends, sequences, beginnings, low = sizes.cumsum(), 0.0, 0.0, 0
    while low < buckets:
        before = ends[low] - sizes[low]
        high = max(low + 1, int(np.searchsorted(ends, before + most_keys, side="right")))
        keys = np.empty(int(ends[high - 1] - before), np.uint64)
        _sort(tokens, bounds, length, bits, (low, high), ends - sizes - before, keys)
        for bucket in np.split(keys, ends[low : high - 1] - before):
            slots = 1 << (2 * min(len(bucket), group_characters)).bit_length()
            table = Table(bits, slots=slots)
            table.add(bucket)
            sums = _sums(table)
            sequences, beginnings = sequences + sums.sequences, beginnings + sums.beginnings
        low = high
    return Sums(sequences, beginnings)


def _sort(
    tokens: TokenArray,
    bounds: NDArray[np.int64],
    length: int,
    bits: int,
    chosen: tuple[int, int],
    places: NDArray[np.int64],
    keys: NDArray[np.uint64],
) -> None:
    """Put the keys of the chosen buckets to their places, and move these on."""
    from flows.text.sequence_counts import sort_into_buckets

    for plain, part in parts_of(tokens, bounds, length):
        sort_into_buckets(plain, part, length, bits, *chosen, places, keys)


def _sums(table: Table) -> Sums:
    return Sums(table.sum, table.shortened().sum)


def _sums_in_square(tokens: TokenArray, bounds: NDArray[np.int64], size: int) -> Sums:
    """Sums for pairs that are counted in a table of all pairs there could be."""
    from flows.text.sequence_counts import count_pairs, sum_of_logarithms

    dtype = np.uint32 if len(tokens) < most_in_32_bits else np.uint64
    table: NDArray[np.integer] = np.zeros(size * size, dtype)
    for plain, part in parts_of(tokens, bounds, 2):
        count_pairs(plain, part, size, table)
    firsts = table.reshape(size, size).sum(axis=1, dtype=np.uint64)
    return Sums(sum_of_logarithms(table), sum_of_logarithms(firsts), firsts)
