"""The first pass through a corpus: its characters are counted, its bytes hashed, its blocks cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import numpy as np

from flows.exceptions import CorpusError
from flows.text.blocks import block_type, digest_type, longest_block, shortest_block
from flows.text.vocabulary import Unit, Vocabulary

piece_bytes = 1 << 20  # at most, in what is scanned at a time
longest_character = 4  # bytes
hashed_here = 1 << 16  # bytes, which take less time than to ask another thread
controls = np.array([code for code in (*range(32), 127) if code not in {9, 10, 13}])


class ScannedFile(NamedTuple):
    """What a file has."""

    characters: int
    bytes: int
    sha256: str
    controls: int  # control characters, but for tabs and line ends
    first_control: int | None  # the offset of the first in bytes


class Scanner:
    """Scans the files of a corpus, one after the other, in flat memory."""

    def __init__(self, unit: Unit) -> None:
        from flows.text import kernels  # here, since numba is slow to load

        self._kernels = kernels
        self._by_byte = unit == "byte"
        self.counts = np.zeros(kernels.code_points, np.int64)  # by code point, or by byte
        most = longest_block * longest_character  # what is left of a piece: no whole block
        self._text = np.zeros(most + piece_bytes + kernels.slack, np.uint8)
        size = len(self._text) // shortest_block + 1
        self._ends, self._lengths = np.empty(size, np.int64), np.empty(size, np.uint16)
        self._first_control: int | None = None  # of the present file
        self._lane = ThreadPoolExecutor(1)  # hashing leaves the interpreter to the kernel

    @property
    def vocabulary(self) -> Vocabulary:
        """Every character that occurs, or every byte."""
        if self._by_byte:
            return Vocabulary.of_bytes()
        return Vocabulary.of_code_points(np.flatnonzero(self.counts))

    def scan(
        self, pieces: Iterable[bytes | memoryview], name: str, blocks: BinaryIO
    ) -> ScannedFile:
        """Scan a file, given in pieces of at most `piece_bytes`; `name` is for errors.

        `blocks` gets a record of `block_type` for each block: there may be millions.
        """
        whole = hashlib.sha256()
        size = kept = characters = 0
        self._first_control, before = None, self._controls()
        for piece in pieces:
            if is_worth_it := len(piece) > hashed_here:
                hashing = self._lane.submit(whole.update, piece)
            else:
                whole.update(piece)
            self._text[kept : kept + len(piece)] = np.frombuffer(piece, np.uint8)
            done, found = self._take(kept + len(piece), name, size - kept, blocks, final=False)
            kept += len(piece) - done
            self._text[:kept] = self._text[done : done + kept]
            size, characters = size + len(piece), characters + found
            if is_worth_it:
                hashing.result()
        characters += self._take(kept, name, size - kept, blocks, final=True)[1]
        found = self._controls() - before
        return ScannedFile(characters, size, whole.hexdigest(), found, self._first_control)

    def _take(
        self, size: int, name: str, offset: int, sink: BinaryIO, *, final: bool
    ) -> tuple[int, int]:
        """Take the whole blocks of `size` bytes of text; how many bytes and characters they have."""
        before = self._controls()
        blocks, is_text = self._kernels.scan(
            self._text, size, final, self._by_byte, self.counts, self._ends, self._lengths
        )
        if not is_text:
            start = int(self._ends[blocks - 1]) if blocks else 0
            raise CorpusError(_invalid(bytes(self._text[start:size]), offset + start, name))
        text, ends = self._text.data, [0, *self._ends[:blocks].tolist()]
        hashes = [hashlib.sha256(text[start:end]).digest() for start, end in pairwise(ends)]
        records = np.empty(blocks, block_type)
        records["digest"] = np.frombuffer(b"".join(hashes), digest_type)[::4]
        records["length"] = self._lengths[:blocks]
        sink.write(records.data.cast("B") if blocks else b"")
        start = ends[-1]
        if self._first_control is None and self._controls() > before:
            self._first_control = offset + int(np.isin(self._text[:start], controls).argmax())
        return start, int(self._lengths[:blocks].sum())

    def _controls(self) -> int:
        """How many control characters were found."""
        return int(self.counts[controls].sum())


def _invalid(found: bytes, offset: int, name: str) -> str:
    """What is wrong with bytes, from `offset` on, that are not all UTF-8."""
    try:
        found.decode()
    except UnicodeDecodeError as error:
        return (
            f"{name} is not utf-8: {error.reason} at byte offset {offset + error.start}"
            f" (0x{found[error.start]:02x}):"
            " convert it, give its real encoding, or set reading.errors"
        )
    raise AssertionError("that is UTF-8")
