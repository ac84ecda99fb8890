"""What a text looks like, in numbers: one character's count, pairs of characters, repeated lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.blocks import Blocks

blocks_at_once = 2048  # 4 million characters at most: memory does not grow with the text
largest_table = 2048  # characters of a vocabulary whose pairs are counted in a table of all (32 MB)
code_point_bits = 21  # of the first character of a pair, above those of the second


class PairCounts(NamedTuple):
    """How often each pair of adjacent characters occurs; (P,) distinct pairs, by code point."""

    pairs: NDArray[np.int64]  # (P,) ascending: first code point × 2²¹ + second
    counts: NDArray[np.int64]  # (P,)


def count_character(blocks: Blocks, character: str) -> int:
    """How often `character` occurs."""
    token = blocks.vocabulary.characters.find(character)
    if token < 0:  # the text need not be read
        return 0
    return sum(int(np.count_nonzero(part == token)) for part in blocks.parts())


def count_pairs(blocks: Blocks) -> PairCounts:
    """Every pair of adjacent characters with its count; none crosses from one block to the next."""
    size = len(blocks.vocabulary)
    count = _count_by_sorting if size > largest_table else _count_in_table
    keys, counts = count(blocks)
    points = np.array([ord(character) for character in blocks.vocabulary.characters], np.int64)
    first, second = np.divmod(keys, max(size, 1))
    return PairCounts((points[first] << code_point_bits) | points[second], counts)


def population_stability_index(old: PairCounts, new: PairCounts) -> float:
    """How far two distributions of pairs are apart: 0 where they are the same, without a bound.

    The sum of (q − p) ln(q ÷ p) over the pairs of either text; p and q are a pair's share of the
    old and of the new text, with ½ added to each count, so that a pair may lack in one of them.
    """
    pairs = np.concatenate([old.pairs, new.pairs])
    pairs.sort(kind="stable")  # two ascending runs: many times faster than a union
    pairs = pairs[_is_first(pairs)]
    p, q = _shares(old, pairs), _shares(new, pairs)
    return float(((q - p) * (np.log(q) - np.log(p))).sum())


def repeated_lines(blocks: Blocks) -> float:
    """Share of the lines that are not blank and occurred in the text before, from 0 to 1.

    That is 1 − distinct lines ÷ lines. A line ends at a line feed, and where its block ends; it is
    blank if it has white space alone. 0 for a text without lines.
    """
    texts = map(blocks.vocabulary.decode, blocks.parts())
    # Hashes of 64 bits take little memory. That two of ten million lines share one has a chance of
    # one in a million, and would move the share by a ten-millionth.
    hashes = (hash(line) for text in texts for line in text.split("\n") if line.strip())
    lines = np.fromiter(hashes, np.int64)
    return 1 - len(np.unique(lines)) / len(lines) if len(lines) else 0.0


def _count_in_table(blocks: Blocks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Keys that occur, ascending, and the count of each; for a small vocabulary."""
    size = len(blocks.vocabulary) ** 2
    table = np.zeros(size, np.int64)
    for keys in _pair_keys(blocks):
        table += np.bincount(keys, minlength=size)
    found = np.flatnonzero(table)
    return found, table[found]


def _count_by_sorting(blocks: Blocks) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """As `_count_in_table`, for a large vocabulary: far fewer pairs occur than there could be."""
    parts = [np.unique(keys, return_counts=True) for keys in _pair_keys(blocks)]
    keys = np.concatenate([np.empty(0, np.int64), *(part.astype(np.int64) for part, _ in parts)])
    counts = np.concatenate([np.empty(0, np.int64), *(part for _, part in parts)])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(_is_first(keys))
    return keys[starts], np.add.reduceat(counts[order], starts)


def _is_first(keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of ascending `keys`, 0 or more each, are the first of their value."""
    return np.diff(keys, prepend=-1) > 0


def _pair_keys(blocks: Blocks) -> Iterator[NDArray[np.integer]]:
    """First token × V + second of each pair, some blocks at a time."""
    V = len(blocks.vocabulary)
    smallest = np.min_scalar_type(V * V)
    for start in range(0, len(blocks), blocks_at_once):
        part = blocks.select(np.arange(start, min(start + blocks_at_once, len(blocks))))
        tokens = part.joined().astype(smallest)
        keys = tokens[:-1] * smallest.type(V) + tokens[1:]
        yield np.delete(keys, part.ends[:-1] - 1)


def _shares(counted: PairCounts, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each of `pairs`, which has all that were counted, with ½ added to each count."""
    counts: NDArray[np.float64] = np.full(len(pairs), 0.5)
    counts[np.searchsorted(pairs, counted.pairs)] += counted.counts
    counts /= counts.sum()
    return counts
