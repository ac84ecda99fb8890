"""Held-out text, chosen by content so that it stays held out in every later corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.vocabulary import TokenArray, Vocabulary

SplitMethod = Literal["content", "tail"]
Bounds = list[tuple[int, int]]  # start and end of each block, in characters
shortest_block = 1024  # characters; a block ends at the first line end past this
longest_block = 2048


class Split(NamedTuple):
    """Tokens to train on, and tokens that are only ever evaluated, block by block."""

    training: TokenArray
    held_out: TokenArray
    block_ends: NDArray[np.int64]  # where each held-out block ends, in tokens of `held_out`


def split_text(
    tokens: TokenArray,
    vocabulary: Vocabulary,
    file_ends: Sequence[int],
    share: float,
    method: SplitMethod,
) -> Split:
    """Divide a corpus of `tokens` (N,): `share` of it is held out, 0 for none.

    "content" cuts each file into blocks and holds a block out when its SHA-256, as a fraction of
    the largest, is below the share; "tail" holds out the end of the text, as benchmarks do, in
    blocks of the longest length.
    """
    if share == 0:
        return Split(tokens, tokens[:0], np.empty(0, np.int64))
    bounds = block_bounds(tokens, vocabulary, file_ends)
    if method == "tail" or len(bounds) == 1:
        at = len(tokens) - round(len(tokens) * share)
        held_out = tokens[at:]
        ends = np.arange(longest_block, len(held_out) + longest_block, longest_block)
        return Split(tokens[:at], held_out, ends.clip(max=len(held_out)))
    fractions = [_fraction(vocabulary.decode(tokens[start:end])) for start, end in bounds]
    chosen, lengths = np.array(_choose(fractions, share)), np.diff(bounds)[:, 0]
    mask = np.repeat(chosen, lengths)
    return Split(tokens[~mask], tokens[mask], lengths[chosen].cumsum())


def block_bounds(tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]) -> Bounds:
    """Bounds of each block; no block crosses from one file to the next."""
    newline = vocabulary.characters.find("\n")
    line_ends = np.flatnonzero(tokens == newline) + 1 if newline >= 0 else np.empty(0, int)
    bounds = []
    start = 0
    for file_end in file_ends:
        while start < file_end:
            at = int(np.searchsorted(line_ends, start + shortest_block, side="right"))
            line_end = int(line_ends[at]) if at < len(line_ends) else file_end
            end = min(line_end, start + longest_block, file_end)
            bounds.append((start, end))
            start = end
    return bounds


def _fraction(block: str) -> float:
    """The block's SHA-256 as a number in [0, 1)."""
    first = hashlib.sha256(block.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(first) / 2**64


def _choose(fractions: list[float], share: float) -> list[bool]:
    """Which blocks to hold out: at least one, and never all of them."""
    chosen = [fraction < share for fraction in fractions]
    if not any(chosen):
        chosen[fractions.index(min(fractions))] = True
    if all(chosen):
        chosen[fractions.index(max(fractions))] = False
    return chosen
