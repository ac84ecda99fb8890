"""Borders of blocks found by content alone: after an edit they are the same again within a few blocks.

The first line end past 1,024 characters, the rule of `Blocks.of_text`, depends on where a block
starts, and so on all text before it. Here a block ends at the place of smallest hash between 1,024
and 2,048 characters: at a line end if there is one, else anywhere. The hash is of the 64 characters
before a place, so that two cuts of the same text soon choose the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from flows.text.blocks import Blocks, BlockTable, longest_block, shortest_block
from flows.text.mapped import give_back, plain_of
from flows.text.vocabulary import TokenArray, Vocabulary

piece_characters = 1 << 22  # of a text at a time, whose memory is given back then


def chunks_of(tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]) -> BlockTable:
    """All blocks of a text, with borders found by content alone."""
    bounds = bounds_by_content(tokens, vocabulary, file_ends)
    table = BlockTable((bounds[:, 1] - bounds[:, 0]).astype(np.uint16))
    return replace(table, digests=Blocks(tokens, vocabulary, table).digests)


def bounds_by_content(
    tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]
) -> NDArray[np.int64]:
    """Where each block starts and ends, (blocks, 2); none crosses from one file to the next."""
    found: list[NDArray[np.int64]] = []
    start = 0
    for file_end in file_ends:
        while start < file_end:
            end = min(start + piece_characters, file_end)
            ends = start + ends_by_content(tokens[start:end], vocabulary, is_end=end == file_end)
            found.append(ends)
            give_back(tokens, start, end)
            start = int(ends[-1])
    borders = np.concatenate([np.zeros(1, np.int64), *found])
    return np.stack([borders[:-1], borders[1:]], axis=1)


def ends_by_content(part: TokenArray, vocabulary: Vocabulary, *, is_end: bool) -> NDArray[np.int64]:
    """Where the blocks end in a part of a file, which starts where a block does.

    Unless the file ends with it (`is_end`), the last block may end before the part does, by up to
    2,048 characters: they belong to a block that more text decides on.
    """
    from flows.text.chunk_borders import find_ends

    newline = vocabulary.characters.find("\n") % (len(vocabulary) + 1)
    ends: NDArray[np.int64] = np.empty(len(part) // shortest_block + 1, np.int64)
    limits = (shortest_block, longest_block)
    count = find_ends(plain_of(part), gears_of(vocabulary), newline, *limits, is_end, ends)
    return ends[:count]


def gears_of(vocabulary: Vocabulary) -> NDArray[np.uint64]:
    """A number for each character, (V,), by its code point: 64 bits that look random."""
    mixed = (vocabulary.code_points.astype(np.uint64) + np.uint64(1)) * np.uint64(
        0x9E3779B97F4A7C15
    )
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
