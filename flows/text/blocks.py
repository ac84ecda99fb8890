"""Blocks of a text: cut by its content, and so the same blocks in every later corpus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from flows.text.mapped import give_back
from flows.text.vocabulary import TokenArray, Vocabulary
from rnncore import TokenRanges

shortest_block = 1024  # characters; a block ends at the first line end past this
longest_block = 2048
digest_type = np.dtype(">u8")  # the first eight bytes of a SHA-256: as a number, its order
block_type = np.dtype([("digest", "<u8"), ("length", "<u2")])  # of a block, in files
at_once = 1 << 18  # blocks that are looked at together


@dataclass(frozen=True)
class BlockTable:
    """All blocks of a text, or of the part of it that begins at `start`, in their order."""

    lengths: NDArray[np.uint16]  # (N,) characters
    digests: NDArray[np.uint64] | None = None  # (N,) None: computed where they are asked for
    start: int = 0
    records: NDArray[np.void] | None = None  # (N,) that they are views of

    @classmethod
    def of_records(cls, records: NDArray[np.void]) -> BlockTable:
        """The blocks in an array of `block_type`, which may be mapped from a file."""
        return cls(records["length"], records["digest"], records=records)

    def release(self) -> None:
        """Give the memory of records that are mapped back; they are read again when asked for."""
        if self.records is not None:
            give_back(self.records, 0, len(self.records))


@dataclass(frozen=True)
class Blocks:
    """Some blocks of a text, in some order."""

    tokens: TokenArray  # (N,) of the whole text; empty before it is encoded
    vocabulary: Vocabulary
    table: BlockTable
    chosen: NDArray[np.uint32] | None = None  # places in the table; None for all

    @classmethod
    def of_text(
        cls, tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]
    ) -> Blocks:
        """All blocks of a text; none crosses from one file to the next."""
        table = BlockTable(cut_lengths(tokens, vocabulary, file_ends))
        blocks = cls(tokens, vocabulary, table)
        return replace(blocks, table=replace(table, digests=blocks.digests))

    def __len__(self) -> int:
        return len(self.table.lengths if self.chosen is None else self.chosen)

    @cached_property
    def characters(self) -> int:
        """Length of all blocks together."""
        lengths = self.lengths
        return sum(int(lengths[part].sum(dtype=np.int64)) for part in self._parts())

    @property
    def lengths(self) -> NDArray[np.uint16]:
        """Characters of each block, (blocks,)."""
        return self.table.lengths if self.chosen is None else self.table.lengths[self.chosen]

    @property
    def bounds(self) -> NDArray[np.int64]:
        """Where each block starts and ends in the text, (blocks, 2)."""
        ends = self._ends_in_text()
        bounds = np.stack([ends - self.lengths, ends], axis=1)
        self.table.release()
        return bounds

    def _ends_in_text(self) -> NDArray[np.int64]:
        """Where each block ends in the text; of all blocks only some are summed up at a time."""
        lengths, total = self.table.lengths, self.table.start
        if self.chosen is None:
            return total + lengths.cumsum(dtype=np.int64)
        is_sorted = bool((self.chosen[1:] > self.chosen[:-1]).all())
        order = slice(None) if is_sorted else np.argsort(self.chosen, kind="stable")
        places, ends = self.chosen[order], np.empty(len(self.chosen), np.int64)
        for start in range(0, len(lengths), at_once):
            sums = total + lengths[start : start + at_once].cumsum(dtype=np.int64)
            first, last = np.searchsorted(places, [start, start + at_once])
            ends[first:last] = sums[places[first:last] - start]
            total = int(sums[-1])
        if is_sorted:
            return ends
        found = np.empty_like(ends)
        found[order] = ends
        return found

    @cached_property
    def digests(self) -> NDArray[np.uint64]:
        """The first eight bytes of the SHA-256 of each block's text in UTF-8, (blocks,)."""
        found = self.table.digests
        if found is not None:
            return found if self.chosen is None else found[self.chosen]
        texts = map(self.vocabulary.to_bytes, self.parts())
        whole = b"".join(hashlib.sha256(text).digest()[:8] for text in texts)
        return np.frombuffer(whole, digest_type).astype(np.uint64)

    def select(self, chosen: NDArray[np.bool_] | NDArray[np.integer]) -> Blocks:
        """The blocks that a mask (blocks,) or their places choose."""
        if self.chosen is not None:
            places = self.chosen[chosen]
        else:
            places = (np.flatnonzero(chosen) if chosen.dtype == bool else chosen).astype(np.uint32)
        return replace(self, chosen=places)

    def without(self, digests: NDArray[np.uint64]) -> Blocks:
        """The blocks whose digest is not among `digests`."""
        return self.select(~_are_among(self.digests, digests))

    def by_digest(self) -> Blocks:
        """The same blocks in the order of their digests, which depends on no file and no place."""
        return self.select(np.argsort(self.digests, kind="stable").astype(np.uint32))

    def smallest(self, characters: int) -> Blocks:
        """As many of the blocks of smallest digest as have `characters` together, at least one.

        As `by_digest().first(characters)`, but only those that may be among them are sorted.
        """
        most = min(1.0, 1.1 * characters / max(self.characters, 1)) * 2.0**64
        few, digests = np.empty(len(self), bool), self.digests
        for places in self._parts():
            few[places] = digests[places] < most
        part = self.select(few)
        if part.characters < characters:
            part = self
        found = part.by_digest().first(characters)
        self.table.release()
        return found

    def _parts(self) -> Iterator[slice]:
        """Places of some blocks at a time, whose records are given back when the next are asked for."""
        for start in range(0, len(self), at_once):
            yield slice(start, start + at_once)
            self.table.release()

    def first(self, characters: int) -> Blocks:
        """As many of the first blocks as have `characters` together, and at least one."""
        sums = self.lengths.cumsum(dtype=np.int64)
        count = max(1, int(np.searchsorted(sums, characters, side="right")))
        return self.select(np.arange(min(count, len(self)), dtype=np.uint32))

    def joined(self) -> TokenArray:
        """The tokens of all blocks, one block after the other."""
        return self.ranges()[:]

    def ranges(self, places: TokenArray | None = None) -> TokenRanges:
        """The same, read when they are asked for; each token t as `places[t]`, where it is given."""
        return TokenRanges(self._encoded, self.bounds, places)

    def parts(self) -> list[TokenArray]:
        """The tokens of each block."""
        tokens = self._encoded
        return [tokens[start:end] for start, end in self.bounds.tolist()]

    @property
    def _encoded(self) -> TokenArray:
        if not len(self.tokens) and len(self):
            raise ValueError("the text is not encoded yet")
        return self.tokens

    @property
    def ends(self) -> NDArray[np.int64]:
        """Where each block ends in `joined`, (blocks,)."""
        return self.lengths.cumsum(dtype=np.int64)


def pieces(start: int, end: int, length: int) -> NDArray[np.int64]:
    """Bounds of the pieces of `length` characters, the last maybe shorter, of a part of a text."""
    starts = np.arange(start, end, length)
    return np.stack([starts, np.minimum(starts + length, end)], axis=1)


def cut_lengths(
    tokens: TokenArray, vocabulary: Vocabulary, file_ends: Sequence[int]
) -> NDArray[np.uint16]:
    """Characters of each block of a text of some files."""
    from flows.text.kernels import cut  # here, since numba is slow to load

    newline = vocabulary.characters.find("\n")
    parts = [np.empty(0, np.uint16)]
    for start, end in zip([0, *file_ends], file_ends, strict=False):
        lengths = np.empty((end - start) // shortest_block + 1, np.uint16)
        parts.append(lengths[: cut(tokens[start:end], newline, lengths)])
    return np.concatenate(parts)


def _are_among(digests: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which of `digests` are among `others`, which may be many."""
    wanted, inverse = np.unique(digests, return_inverse=True)
    found = np.zeros(len(wanted), bool)
    for start in range(0, len(others) if len(wanted) else 0, at_once):
        part = others[start : start + at_once]
        places = np.searchsorted(wanted, part).clip(max=len(wanted) - 1)
        found[places[wanted[places] == part]] = True
    return found[inverse]
