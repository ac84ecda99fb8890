"""Compressed files, recognised by their first bytes, decompressed in pieces of bounded size.

One layer is removed. What is compressed again below it is refused: it would be read as no text,
or, in an encoding that allows every byte, as a wrong one.
"""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from typing import Protocol

from flows.corpus.reading.budget import Budget
from flows.exceptions import CorpusError

step = 2**16  # compressed bytes at a time
piece_size = 2**20  # decompressed bytes at a time, at most
memory = 2**27  # bytes that an xz file may ask for; `xz -9` asks for half of it
magic_size = 10  # bytes
magic = re.compile(
    rb"(?P<gzip>\x1f\x8b)"
    rb"|(?P<bzip2>BZh[1-9](1AY&SY|\x17\x72\x45\x38\x50\x90))"
    rb"|(?P<xz>\xfd7zXZ\x00)"
    rb"|(?P<zstd>\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)"  # a frame, or one to skip
)
Layer = Callable[[Iterable[bytes], str, Budget], Iterator[bytes]]


def decompressed(pieces: Iterable[bytes], name: str, budget: Budget) -> Iterator[bytes]:
    """The bytes of the file `name`: decompressed if they are compressed, else as they are.

    `pieces` are its stored bytes. Raises `CorpusError` for what is truncated, damaged, compressed
    twice, or larger than the budget allows.
    """
    start, pieces = peeked(pieces)
    found = magic.match(start)
    if not found:
        yield from pieces
        return
    start, pieces = peeked(layers[str(found.lastgroup)](pieces, name, budget))
    if within := magic.match(start):
        raise CorpusError(
            f"the corpus {name} is compressed twice, {within.lastgroup} in {found.lastgroup}:"
            " decompress it once"
        )
    yield from pieces


def peeked(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, as many as tell a compression, and all pieces."""
    remaining = iter(pieces)
    start = b""
    while len(start) < magic_size and (piece := next(remaining, None)) is not None:
        start += piece
    return start[:magic_size], chain([start] if start else [], remaining)


class _Member(Protocol):
    """One of the streams that a compressed file is a sequence of, as in the standard library."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Deflated:
    """zlib's decompressor with the interface of those of bz2 and lzma."""

    def __init__(self, window: int) -> None:
        self._stream = zlib.decompressobj(window)
        self._held = b""  # input that is not used up, since the output was long enough
        self._full = False  # the last piece: zlib may hold more, even without more input

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        return not (self.eof or self._held or self._full)

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        found = self._stream.decompress(self._held + data, max_length)
        self._held = self._stream.unconsumed_tail
        self._full = len(found) == max_length
        return found


class _Input:
    """The compressed bytes in small steps, with the offset that has been reached."""

    def __init__(self, pieces: Iterable[bytes], name: str) -> None:
        self._steps = (
            piece[start : start + step] for piece in pieces for start in range(0, len(piece), step)
        )
        self.name = name
        self.offset = 0  # of the first byte that was not taken
        self.failure: Exception | None = None  # of the source, not of the compression

    def take(self) -> bytes:
        """The next bytes; none at the end."""
        try:
            data = next(self._steps, b"")
        except Exception as error:
            self.failure = error
            raise
        self.offset += len(data)
        return data

    def problem(self, what: str) -> CorpusError:
        """The error for what is wrong, with the offset up to which it was found."""
        return CorpusError(
            f"the corpus {self.name} {what} (byte offset {self.offset:,} of the compressed file):"
            " get an intact copy"
        )


def _members(
    kind: str,
    new: Callable[[bytes], _Member],
    pieces: Iterable[bytes],
    name: str,
    budget: Budget,
) -> Iterator[bytes]:
    """All streams of a file, one after the other; zeros may fill up its end, as on tapes."""
    source = _Input(pieces, name)
    data = source.take()
    while data:
        member = new(data)
        while not member.eof:
            if member.needs_input and not data and not (data := source.take()):
                raise source.problem(f"is truncated: its {kind} data have no end")
            try:
                piece = member.decompress(data, piece_size)
            except (OSError, ValueError, EOFError, zlib.error, lzma.LZMAError) as error:
                reason = str(error).rpartition(": ")[2]  # zlib begins with its number
            else:
                budget.decompressed(len(piece), name)
                data = b""
                if piece:
                    yield piece
                continue
            raise source.problem(f"is damaged: {kind} reports {reason!r} before that")
        data = _next_member(kind, source, member.unused_data)


def _next_member(kind: str, source: _Input, data: bytes) -> bytes:
    """The start of the next stream of the same kind, after zeros; nothing at the end."""
    while not (data := data.lstrip(b"\x00")):
        if not (data := source.take()):
            return b""
    while len(data) < magic_size and (more := source.take()):
        data += more
    found = magic.match(data)
    if found and found.lastgroup == kind:
        return data
    source.offset -= len(data)
    raise source.problem(f"is damaged: after its {kind} data follow others")


class _Stored:
    """The compressed bytes as a file that pyarrow reads."""

    closed = False

    def __init__(self, source: _Input) -> None:
        self._source = source
        self._data = b""

    def read(self, size: int) -> bytes:
        if not self._data:
            self._data = self._source.take()
        found, self._data = self._data[:size], self._data[size:]
        return found

    def close(self) -> None:
        self.closed = True


def _arrow(kind: str, pieces: Iterable[bytes], name: str, budget: Budget) -> Iterator[bytes]:
    """All frames of a file that pyarrow decompresses."""
    import pyarrow as pa  # slow to load

    source = _Input(pieces, name)
    stream = pa.CompressedInputStream(pa.PythonFile(_Stored(source), mode="r"), kind)
    while True:
        try:
            piece = stream.read(piece_size)
        except Exception as error:  # pyarrow's kinds differ by version
            reason = " ".join(str(error).split())
        else:
            if not piece:
                return
            budget.decompressed(len(piece), name)
            yield piece
            continue
        if source.failure:
            raise source.failure
        raise source.problem(f"is truncated or damaged: {kind} reports {reason!r} before that")


def _deflate(pieces: Iterable[bytes], name: str, budget: Budget) -> Iterator[bytes]:
    """HTTP's deflate: with zlib's header, as it should be, or without one, as some servers do."""
    return _members("deflate", _deflated, pieces, name, budget)


def _deflated(start: bytes) -> _Member:
    header = start[:1] and start[0] & 0x0F == zlib.DEFLATED and int.from_bytes(start[:2]) % 31 == 0
    return _Deflated(zlib.MAX_WBITS if header else -zlib.MAX_WBITS)


layers: dict[str, Layer] = {
    "gzip": partial(_members, "gzip", lambda _: _Deflated(16 + zlib.MAX_WBITS)),
    "bzip2": partial(_members, "bzip2", lambda _: bz2.BZ2Decompressor()),
    "xz": partial(_members, "xz", lambda _: lzma.LZMADecompressor(lzma.FORMAT_XZ, memory)),
    "zstd": partial(_arrow, "zstd"),
    "deflate": _deflate,
    "brotli": partial(_arrow, "brotli"),
}
