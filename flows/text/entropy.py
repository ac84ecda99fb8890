"""How predictable a text is: the entropy of a character, given the characters just before it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.mapped import parts_of
from flows.text.sequence_tables import (
    Sums,
    bits_of,
    sums_in_buckets,
    sums_of_pairs,
    sums_of_triples_and_more,
)
from flows.text.vocabulary import TokenArray

sample_characters = 16_000_000  # a longer text is sampled for orders 2 and 3
key_bits = 64  # of a sequence of characters in a table


class Entropy(NamedTuple):
    """Bits per character of a text, given the `order` characters before each."""

    order: int
    bits: float
    characters: int  # of the text that was read for it
    is_exact: bool  # that is the whole text


class Measured(NamedTuple):
    """What a text is made of."""

    counts: NDArray[np.uint64]  # of each character, (V,)
    entropies: list[Entropy]  # of orders 0 to 3, without those that the text is too short for


def measure(tokens: TokenArray, size: int, sample: NDArray[np.int64] | None = None) -> Measured:
    """Counts and entropies of a text of `size` distinct characters.

    Orders 2 and 3 are of the blocks between the bounds `sample`, (blocks, 2) in ascending order;
    None for the whole text. No sequence crosses from one block to the next. Order 1 is of the
    sample too where a text has too many different pairs, and orders 2 and 3 are left out beyond
    65,536 different characters.
    """
    bits = bits_of(size)
    whole = np.array([[0, len(tokens)]], np.int64)
    blocks = whole if sample is None else np.asarray(sample, np.int64)
    is_exact = sample is None
    pairs = sums_of_pairs(tokens, whole, size)
    counts = _counts(tokens, size, None if pairs is None else pairs.firsts)
    found = [_entropy_0(counts)] if len(tokens) else []
    if pairs is not None:
        found += _entropy(pairs, 1, whole, is_exact=True)
    else:
        found += _entropy(sums_in_buckets(tokens, blocks, 2, bits), 1, blocks, is_exact=is_exact)
    if 4 * bits <= key_bits:
        second, third = sums_of_triples_and_more(tokens, blocks, bits)
        found += _entropy(second, 2, blocks, is_exact=is_exact)
        found += _entropy(third, 3, blocks, is_exact=is_exact)
    return Measured(counts, found)


def _counts(tokens: TokenArray, size: int, firsts: NDArray[np.uint64] | None) -> NDArray[np.uint64]:
    """How often each character occurs: as often as it begins a pair, but for the last one."""
    from flows.text.sequence_counts import count_characters

    counts: NDArray[np.uint64] = np.zeros(size, np.uint64)
    if firsts is not None:
        counts += firsts
        counts[tokens[-1:]] += np.uint64(1)
        return counts
    for plain, part in parts_of(tokens, np.array([[0, len(tokens)]])):
        count_characters(plain[part[0, 0] : part[-1, 1]], counts)
    return counts


def _entropy_0(counts: NDArray[np.integer]) -> Entropy:
    total, found = int(counts.sum()), counts[counts > 0].astype(np.float64)
    bits = float(np.log2(total) - (found * np.log2(found)).sum() / total)
    return Entropy(0, max(0.0, bits), total, is_exact=True)


def _entropy(sums: Sums, order: int, bounds: NDArray[np.int64], *, is_exact: bool) -> list[Entropy]:
    """The entropy of an order, if any block is long enough for it."""
    lengths = bounds[:, 1] - bounds[:, 0]
    count = int(np.maximum(lengths - order, 0).sum())
    if not count:
        return []
    return [Entropy(order, sums.bits(count), int(lengths.sum()), is_exact)]
