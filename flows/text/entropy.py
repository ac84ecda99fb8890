"""How predictable a text is: the entropy of a character, given the characters just before it."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.vocabulary import TokenArray

sample_characters = 16_000_000  # a longer text is sampled for orders 2 and 3
piece_characters = 1 << 24  # of a text at a time, whose memory is given back then
group_characters = 1 << 15  # at a time, or up to twice as many: a table has room for them before
widest_pairs = 12  # bits of a token up to which pairs are counted in a table of all, 64 MB
smallest_table = 1 << 18  # slots of 16 bytes
largest_table = 1 << 21
most_partitions = 16  # of the sequences: each is one more pass over the text
key_bits = 64  # of a sequence of characters in a table
pair, triple = 2, 3  # lengths of sequences
most_in_32_bits = 1 << 32  # characters: beyond, counts are of 64 bits


class Entropy(NamedTuple):
    """Bits per character of a text, given the `order` characters before each."""

    order: int
    bits: float
    characters: int  # of the text that was read for it
    is_exact: bool  # that is the whole text


class _Sums(NamedTuple):
    """Sums of n log2 n over the counts n of sequences, and of their beginnings."""

    sequences: float
    beginnings: float  # without their last character

    def bits(self, count: int) -> float:
        return max(0.0, (self.beginnings - self.sequences) / count)


def entropies(
    tokens: TokenArray, counts: NDArray[np.integer], sample: NDArray[np.int64] | None = None
) -> list[Entropy]:
    """Entropies of orders 0 to 3, without those that the text is too short for.

    `counts` are those of each character, (V,). Orders 2 and 3 are of the blocks between the bounds
    `sample`, (blocks, 2) in ascending order; None for the whole text. No sequence crosses from one
    block to the next. Order 1 is of the sample too where a text has too many different pairs, and
    orders 2 and 3 are left out beyond 65,536 different characters.
    """
    bits = max(1, (len(counts) - 1).bit_length())
    whole = np.array([[0, len(tokens)]], np.int64)
    found = [_entropy_0(counts)] if len(tokens) else []
    blocks = whole if sample is None else np.asarray(sample, np.int64)
    is_exact = sample is None
    if (first := _sums(tokens, whole, 2, bits, most_partitions)) is not None:
        found += _entropy(first, 1, whole, is_exact=True)
    else:
        found += _entropy(_sums(tokens, blocks, 2, bits), 1, blocks, is_exact=is_exact)
    if 4 * bits <= key_bits:
        second, third = _sums_of_both(tokens, blocks, bits)
        found += _entropy(second, 2, blocks, is_exact=is_exact)
        found += _entropy(third, 3, blocks, is_exact=is_exact)
    return found


def sample_of(
    bounds: NDArray[np.int64], digests: NDArray[np.integer], characters: int
) -> NDArray[np.int64] | None:
    """Bounds of the blocks of smallest digest that have `characters` together, by place.

    `digests`, (blocks,), are the first bytes of them as numbers. None where all blocks have no
    more than that.
    """
    lengths = bounds[:, 1] - bounds[:, 0]
    if lengths.sum() <= characters:
        return None
    order = np.argsort(digests, kind="stable")
    count = int(np.searchsorted(lengths[order].cumsum(), characters, side="right"))
    chosen: NDArray[np.int64] = bounds[np.sort(order[: max(1, count)])]
    return chosen


def counts_of(tokens: TokenArray, size: int) -> NDArray[np.uint64]:
    """How often each of `size` characters occurs, (V,)."""
    from flows.text.sequence_counts import count_characters

    counts: NDArray[np.uint64] = np.zeros(size, np.uint64)
    for start in range(0, len(tokens), piece_characters):
        end = min(start + piece_characters, len(tokens))
        count_characters(_plain(tokens)[start:end], counts)
        give_back(tokens, start, end)
    return counts


def give_back(tokens: TokenArray, start: int, end: int) -> None:
    """Let the system take the memory of a part of a text that is mapped from a file, read-only."""
    mapped = getattr(tokens, "_mmap", None)
    if mapped is None or tokens.flags.writeable or not hasattr(mapped, "madvise"):
        return
    before = tokens.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    first = (before + start * tokens.itemsize) // mmap.PAGESIZE * mmap.PAGESIZE
    mapped.madvise(mmap.MADV_DONTNEED, first, before + end * tokens.itemsize - first)


def _entropy_0(counts: NDArray[np.integer]) -> Entropy:
    total, found = int(counts.sum()), counts[counts > 0].astype(np.float64)
    bits = float(np.log2(total) - (found * np.log2(found)).sum() / total)
    return Entropy(0, max(0.0, bits), total, is_exact=True)


def _entropy(
    sums: _Sums | None, order: int, bounds: NDArray[np.int64], *, is_exact: bool
) -> list[Entropy]:
    """The entropy of an order, if any block is long enough for it."""
    lengths = bounds[:, 1] - bounds[:, 0]
    count = int(np.maximum(lengths - order, 0).sum())
    if sums is None or not count:
        return []
    return [Entropy(order, sums.bits(count), int(lengths.sum()), is_exact)]


def _sums(
    tokens: TokenArray, bounds: NDArray[np.int64], length: int, bits: int, most: int = 1 << 6
) -> _Sums | None:
    """Sums for sequences of `length` characters; None if that needs more than `most` passes."""
    if length == pair and bits <= widest_pairs:
        return _sums_of_pairs(tokens, bounds, bits)
    partitions = 1
    while partitions <= most:
        sequences = beginnings = 0.0
        for partition in range(partitions):
            counter = _Counter(bits, partition, partitions)
            if not counter.count(tokens, bounds, length, is_bounded=partitions < 1 << 6):
                break
            sequences += counter.sum
            beginnings += counter.shortened().sum
        else:
            return _Sums(sequences, beginnings)
        partitions *= 4
    return None


def _sums_of_pairs(tokens: TokenArray, bounds: NDArray[np.int64], bits: int) -> _Sums:
    from flows.text.sequence_counts import count_pairs, sum_of_logarithms

    dtype = np.uint32 if len(tokens) < most_in_32_bits else np.uint64
    table: NDArray[np.integer] = np.zeros(1 << 2 * bits, dtype)
    for piece in _groups(bounds, piece_characters, 2):
        count_pairs(_plain(tokens), piece, bits, table)
        give_back(tokens, int(piece[0, 0]), int(piece[-1, 1]))
    firsts = table.reshape(1 << bits, 1 << bits).sum(axis=1, dtype=np.uint64)
    return _Sums(sum_of_logarithms(table), sum_of_logarithms(firsts))


def _sums_of_both(
    tokens: TokenArray, bounds: NDArray[np.int64], bits: int
) -> tuple[_Sums | None, _Sums | None]:
    """Sums for sequences of 3 and of 4 characters: in one pass, unless there are very many."""
    fours = _Counter(bits)
    if not fours.count(tokens, bounds, 4):
        return _sums(tokens, bounds, 3, bits), _sums(tokens, bounds, 4, bits)
    threes = fours.shortened()
    third = _Sums(fours.sum, threes.sum)
    ends = bounds[bounds[:, 1] - bounds[:, 0] >= triple, 1]
    threes.count(tokens, np.stack([ends - triple, ends], axis=1), triple, is_bounded=False)
    return _Sums(threes.sum, threes.shortened().sum), third


class _Counter:
    """A hashed table that grows."""

    def __init__(self, bits: int, partition: int = 0, partitions: int = 1) -> None:
        self._bits, self._kind = bits, (partition, partitions)
        self._table: NDArray[np.uint64] = np.zeros(2 * smallest_table, np.uint64)
        self._taken = 0

    def count(
        self, tokens: TokenArray, bounds: NDArray[np.int64], length: int, *, is_bounded: bool = True
    ) -> bool:
        """Count the sequences of `length`; False if the largest table has no room for them."""
        from flows.text.sequence_counts import count_sequences

        for group in _groups(bounds, group_characters, length):
            while self._taken + 2 * group_characters > len(self._table) * 3 // 8:
                if is_bounded and len(self._table) >= 2 * largest_table:
                    return False
                self._grow()
            self._taken += count_sequences(
                _plain(tokens), group, length, self._bits, self._table, *self._kind
            )
            give_back(tokens, int(group[0, 0]), int(group[-1, 1]))
        return True

    def shortened(self) -> _Counter:
        """What was counted, without the last character of each sequence."""
        from flows.text.sequence_counts import add_shortened

        other = _Counter(self._bits)
        other._table = np.zeros_like(self._table)
        other._taken = add_shortened(self._table, self._bits, other._table)
        return other

    @property
    def sum(self) -> float:
        """The sum of n log2 n over the counts n."""
        from flows.text.sequence_counts import sum_of_logarithms

        return sum_of_logarithms(self._table[1::2])

    def _grow(self) -> None:
        from flows.text.sequence_counts import add_shortened

        larger: NDArray[np.uint64] = np.zeros(2 * len(self._table), np.uint64)
        add_shortened(self._table, 0, larger)
        self._table = larger


def _groups(bounds: NDArray[np.int64], characters: int, length: int) -> Iterator[NDArray[np.int64]]:
    """Bounds of parts with about so many characters together, in groups.

    A block that is longer is cut; its parts overlap, so that each sequence of `length` is in one.
    """
    bounds = bounds[bounds[:, 1] - bounds[:, 0] >= length]
    last = bounds[:, 1] - length + 1  # past where the last sequence of a block starts
    pieces = -((bounds[:, 0] - last) // characters)
    first = np.repeat(np.cumsum(pieces) - pieces, pieces)
    starts = np.repeat(bounds[:, 0], pieces) + characters * (np.arange(len(first)) - first)
    ends = np.minimum(starts + characters, np.repeat(last, pieces)) + length - 1
    parts = np.stack([starts, ends], axis=1)
    sequences = np.cumsum(ends - starts - length + 1)
    cuts = np.searchsorted(sequences, np.arange(0, sequences[-1] if len(parts) else 0, characters))
    return (group for group in np.split(parts, cuts[1:]) if len(group))


def _plain(tokens: TokenArray) -> TokenArray:
    """`tokens` as one kind of array, however it is kept: kernels are compiled for each kind."""
    plain = tokens.view(np.ndarray)
    plain.flags.writeable = False
    return plain
