"""Bytes to text, in pieces: precise about each byte that does not fit the encoding."""

from __future__ import annotations

import codecs
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal

from flows.exceptions import CorpusError
from flows.text.encodings import encoding_of, head_size, unmarked
from flows.text.normalization import Form, normalized

piece_size = 1 << 20  # bytes that are decoded at once
most_pending = 4 << 20  # bytes that are not yet characters: UTF-7 has sections of any length
most_offsets = 10
replacements = {"replace": "\ufffd", "drop": ""}
writing_halves = {"utf-7", "unicode-escape", "raw-unicode-escape"}  # others refuse them, or cannot
half_pair = re.compile("[\ud800-\udfff]")
counting = "flows.text.decoding"  # Python finds handlers of errors by name


@dataclass
class Problems:
    """What did not fit the encoding of a file."""

    invalid: int = 0  # sequences of bytes that were replaced or dropped
    first_invalid: list[int] = field(default_factory=list)  # offsets of the first ones, in the file

    def add(self, offset: int) -> None:
        """Count a sequence of bytes that begins at `offset`."""
        self.invalid += 1
        if len(self.first_invalid) < most_offsets:
            self.first_invalid.append(offset)


class _Handler(threading.local):
    """What the handler of errors works for, since Python calls it with the error alone."""

    replace: Callable[[UnicodeDecodeError], str]


_handler = _Handler()


def _handle(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return _handler.replace(error), error.end


codecs.register_error(counting, _handle)


def to_utf8(
    pieces: Iterable[bytes],
    encoding: str,
    name: str,
    *,
    errors: Literal["strict", "replace", "drop"] = "strict",
    newline: Literal["keep", "lf"] = "keep",
    normalize: Literal["none"] | Form = "none",
    problems: Problems,
) -> Iterator[bytes]:
    """The text of a file in UTF-8, a piece at a time, without its byte order mark.

    `pieces` are the bytes of the file, cut anywhere: the result depends on their content alone.
    Raises `CorpusError`, which names the first byte that does not fit, with its offset in the file.
    """
    source = iter(pieces)
    first = _first(source)
    head = first[:head_size]
    codec, mark = encoding_of(head, encoding, name)
    parts = _cut(chain([first[len(mark) :]], source))
    file = _File(codec, encoding, name, head, errors, problems, end=len(mark))
    texts = file.characters(parts)
    if normalize != "none":
        texts = normalized(texts, normalize, name)
    encoded = (text.encode() for text in texts if text)
    yield from _with_line_feeds(encoded) if newline == "lf" else encoded


@dataclass
class _File:
    """A file that is being decoded."""

    codec: str
    encoding: str  # as it was given
    name: str
    head: bytes
    errors: Literal["strict", "replace", "drop"]
    problems: Problems
    end: int  # offset after the bytes that the decoder was given

    def characters(self, parts: Iterable[bytes]) -> Iterator[str]:
        """The file as text without halves of surrogate pairs."""
        handler = "strict" if self.errors == "strict" else counting
        decoder = codecs.getincrementaldecoder(self.codec)(handler)
        count = 0
        for part in chain(parts, [b""]):
            self.end += len(part)
            text = self._decode(decoder, part)
            yield self._whole(text, count)
            count += len(text)

    def _decode(self, decoder: codecs.IncrementalDecoder, part: bytes) -> str:
        _handler.replace = self._replace
        try:
            text = decoder.decode(part, final=not part)
            pending = len(decoder.getstate()[0])
        except UnicodeDecodeError as error:
            raise CorpusError(self._describe(error)) from error
        except UnicodeError as error:
            raise CorpusError(
                f"{self.name} is not {self.encoding}: {error} before byte offset {self.end:,}:"
                " convert it, or give its real encoding"
            ) from error
        if pending > most_pending:
            raise CorpusError(
                f"{self.name} is not {self.encoding}: {pending:,} bytes before byte offset"
                f" {self.end:,} give no character yet: convert it, or give its real encoding"
            )
        return text

    def _whole(self, text: str, before: int) -> str:
        """`text`, `before` characters into the file, without halves of surrogate pairs."""
        if self.codec not in writing_halves or not (half := half_pair.search(text)):
            return text
        if self.errors == "strict":
            raise CorpusError(
                f"{self.name} cannot be read with encoding {self.encoding!r}: its character"
                f" {before + half.start() + 1:,} is half of a surrogate pair"
                f" (U+{ord(half[0]):04X}): convert it, or set reading.errors"
            )
        whole, count = half_pair.subn(replacements[self.errors], text)
        self.problems.invalid += count  # their offsets are not known
        return whole

    def _replace(self, error: UnicodeDecodeError) -> str:
        self.problems.add(self._offset(error))
        return replacements[self.errors]

    def _offset(self, error: UnicodeDecodeError) -> int:
        """Where in the file; a decoder's object also has what it kept of the part before."""
        return self.end - len(error.object) + error.start

    def _describe(self, error: UnicodeDecodeError) -> str:
        """What does not fit, where, and what to do."""
        found = f"0x{error.object[error.start]:02x}"
        known = unmarked(self.head)
        advice = (
            f"it looks like {known}: give encoding={known}"
            if known and known != self.codec
            else "convert it, give its real encoding, or set reading.errors"
        )
        return (
            f"{self.name} is not {self.encoding}: {error.reason} at byte offset"
            f" {self._offset(error)} ({found}): {advice}"
        )


def _first(pieces: Iterator[bytes]) -> bytes:
    """The first pieces in one, as many as have `head_size` bytes."""
    first = bytearray()
    for piece in pieces:
        first += piece
        if len(first) >= head_size:
            break
    return bytes(first)


def _cut(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in pieces of `piece_size`, the last one shorter: none is empty."""
    part = bytearray()
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            taken = piece_size - len(part)
            part += rest[:taken]
            rest = rest[taken:]
            if len(part) == piece_size:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)


def _with_line_feeds(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """UTF-8 with CR LF and CR as line feeds; a CR that ends a piece waits for the next."""
    waiting = b""
    for piece in pieces:
        text = waiting + piece
        waiting = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(waiting)]
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield text
    if waiting:
        yield b"\n"
