"""Held-out text, chosen by content so that it stays held out in every later corpus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.blocks import Blocks, longest_block, pieces
from flows.text.vocabulary import TokenArray

SplitMethod = Literal["content", "tail"]


class Division(NamedTuple):
    """The blocks of a text to train on, and those that are only ever evaluated."""

    training: Blocks
    held_out: Blocks


class Split(NamedTuple):
    """Tokens to train on, and tokens that are only ever evaluated, block by block."""

    training: TokenArray
    held_out: TokenArray
    block_ends: NDArray[np.int64]  # where each held-out block ends, in tokens of `held_out`


def divide(blocks: Blocks, share: float, method: SplitMethod) -> Division:
    """Divide all the blocks of a text: `share` of it is held out, 0 for none.

    "content" holds a block out when its SHA-256, as a fraction of the largest, is below the share;
    "tail" holds out the end of the text, as benchmarks do, in blocks of the longest length.
    """
    if share == 0:
        return Division(blocks, blocks.select(np.zeros(len(blocks), bool)))
    if method == "tail" or len(blocks) == 1:
        return _divide_at(blocks, blocks.characters - round(blocks.characters * share))
    chosen = np.array(_choose([_fraction(digest) for digest in blocks.digests], share))
    return Division(blocks.select(~chosen), blocks.select(chosen))


def split(division: Division, *, interleaved: bool = False) -> Split:
    """The tokens of a division; `interleaved` puts the blocks to train on in an order by digest."""
    training, held_out = division
    if interleaved:
        training = training.by_digest()
    return Split(training.joined(), held_out.joined(), held_out.ends)


def _divide_at(blocks: Blocks, at: int) -> Division:
    """The blocks of the text before character `at`, and what follows in blocks of their own."""
    ends = blocks.bounds[:, 1].tolist()
    before = [(start, min(end, at)) for start, end in blocks.bounds.tolist() if start < at]
    training = Blocks(blocks.tokens, blocks.vocabulary, np.array(before, np.int64).reshape(-1, 2))
    held_out = pieces(at, ends[-1], longest_block)
    return Division(training, Blocks(blocks.tokens, blocks.vocabulary, held_out))


def _fraction(digest: bytes) -> float:
    """A SHA-256 as a number in [0, 1)."""
    return int.from_bytes(digest[:8]) / 2**64


def _choose(fractions: Sequence[float], share: float) -> list[bool]:
    """Which blocks to hold out: at least one, and never all of them."""
    chosen = [fraction < share for fraction in fractions]
    if not any(chosen):
        chosen[fractions.index(min(fractions))] = True
    if all(chosen):
        chosen[fractions.index(max(fractions))] = False
    return chosen
