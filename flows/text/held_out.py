"""Held-out text, chosen by content so that it stays held out in every later corpus."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.blocks import Blocks, BlockTable, at_once, longest_block, pieces
from flows.text.vocabulary import TokenArray
from rnncore import TokenRanges

largest = 2.0**64  # more than the first eight bytes of a SHA-256: as a fraction of it, in [0, 1)
SplitMethod = Literal["content", "chunks", "tail"]
Half = Literal["even", "odd"]


class Division(NamedTuple):
    """The blocks of a text to train on, and those that are only ever evaluated."""

    training: Blocks
    held_out: Blocks


class Split(NamedTuple):
    """Tokens to train on, and tokens that are only ever evaluated, block by block."""

    training: TokenRanges  # read when they are asked for: there may be gigabytes
    held_out: TokenRanges
    block_ends: NDArray[np.int64]  # where each held-out block ends, in tokens of `held_out`


def divide(blocks: Blocks, share: float, method: SplitMethod) -> Division:
    """Divide all the blocks of a text: `share` of it is held out, 0 for none.

    "content" and "chunks" hold a block out when its SHA-256, as a fraction of the largest, is below
    the share; of which blocks is up to the caller. "tail" holds out the end of the text, as benchmarks do, in blocks of the longest length.
    """
    if share == 0:
        return Division(blocks, blocks.select(np.zeros(len(blocks), bool)))
    if method == "tail" or len(blocks) == 1:
        return _divide_at(blocks, blocks.characters - round(blocks.characters * share))
    chosen = _choose(blocks.digests, share)
    return Division(blocks.select(~chosen), blocks.select(chosen))


def half_of(blocks: Blocks, half: Half) -> Blocks:
    """The blocks whose digest, as a number, is even, or those whose it is odd."""
    return blocks.select(blocks.digests % np.uint64(2) == (half == "odd"))


def split(
    division: Division, places: TokenArray | None = None, *, interleaved: bool = False
) -> Split:
    """The tokens of a division; `interleaved` puts the blocks to train on in an order by digest.

    `places` (V,) are tokens of a larger vocabulary, to read the text in.
    """
    training, held_out = division
    if interleaved:
        training = training.by_digest()
    return Split(training.ranges(places), held_out.ranges(places), held_out.ends)


def _divide_at(blocks: Blocks, at: int) -> Division:
    """The blocks of the text before character `at`, and what follows in blocks of their own."""
    ends = blocks.ends
    whole = int(np.searchsorted(ends, at, side="right"))  # blocks that are before it altogether
    before = int(ends[whole - 1]) if whole else 0
    rest = [at - before] if at > before else []
    lengths = np.concatenate([blocks.lengths[:whole], np.array(rest, np.uint16)])
    after = np.diff(pieces(at, blocks.characters, longest_block)).ravel().astype(np.uint16)
    training, held_out = BlockTable(lengths), BlockTable(after, start=at)
    return Division(replace(blocks, table=training), replace(blocks, table=held_out))


def _choose(digests: NDArray[np.uint64], share: float) -> NDArray[np.bool_]:
    """Which blocks to hold out: at least one, and never all of them."""
    parts = (digests[start : start + at_once] for start in range(0, len(digests), at_once))
    chosen: NDArray[np.bool_] = np.concatenate([part / largest < share for part in parts])
    if not chosen.any():
        chosen[digests.argmin()] = True
    if chosen.all():
        chosen[digests.argmax()] = False
    return chosen
