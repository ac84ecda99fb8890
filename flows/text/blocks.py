"""Blocks of a text: cut by its content, and so the same blocks in every later corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flows.text.vocabulary import TokenArray, Vocabulary

shortest_block = 1024  # characters; a block ends at the first line end past this
longest_block = 2048


@dataclass(frozen=True)
class Blocks:
    """Some blocks of a text, in some order."""

    tokens: TokenArray  # (N,) of the whole text
    vocabulary: Vocabulary
    bounds: NDArray[np.int64]  # (blocks, 2) where each starts and ends in `tokens`

    @classmethod
    def of_text(
        cls, tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]
    ) -> Blocks:
        """All blocks of a text; none crosses from one file to the next."""
        return cls(tokens, vocabulary, _bounds(tokens, vocabulary, file_ends))

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def characters(self) -> int:
        """Length of all blocks together."""
        return int(self.lengths.sum())

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Characters of each block, (blocks,)."""
        return self.bounds[:, 1] - self.bounds[:, 0]

    @cached_property
    def digests(self) -> list[bytes]:
        """SHA-256 of each block's text in UTF-8."""
        texts = (self.vocabulary.decode(self.tokens[start:end]) for start, end in self.bounds)
        return [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> Blocks:
        """The blocks that a mask (blocks,) or their places choose."""
        return replace(self, bounds=self.bounds[chosen])

    def without(self, digests: Collection[bytes]) -> Blocks:
        """The blocks whose digest is not among `digests`."""
        kept = np.array([digest not in digests for digest in self.digests], bool)
        return self.select(kept)

    def by_digest(self) -> Blocks:
        """The same blocks in the order of their digests, which depends on no file and no place."""
        order = sorted(range(len(self)), key=self.digests.__getitem__)
        return self.select(np.array(order, np.int64))

    def first(self, characters: int) -> Blocks:
        """As many of the first blocks as have `characters` together, and at least one."""
        count = int(np.searchsorted(self.lengths.cumsum(), characters, side="right"))
        return replace(self, bounds=self.bounds[: max(1, count)])

    def joined(self) -> TokenArray:
        """The tokens of all blocks, one block after the other."""
        parts = [self.tokens[start:end] for start, end in self.bounds.tolist()]
        return np.concatenate([self.tokens[:0], *parts])

    @property
    def ends(self) -> NDArray[np.int64]:
        """Where each block ends in `joined`, (blocks,)."""
        return self.lengths.cumsum()


def pieces(start: int, end: int, length: int) -> NDArray[np.int64]:
    """Bounds of the pieces of `length` characters, the last maybe shorter, of a part of a text."""
    starts = np.arange(start, end, length)
    return np.stack([starts, np.minimum(starts + length, end)], axis=1)


def _bounds(
    tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]
) -> NDArray[np.int64]:
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
    return np.array(bounds, np.int64).reshape(-1, 2)
