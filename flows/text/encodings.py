"""Which encoding a file is in: the one that was given, unless its first bytes say that it is not."""

from __future__ import annotations

import codecs
from collections.abc import Collection
from typing import NamedTuple

from flows.exceptions import CorpusError

head_size = 4096  # bytes of a file that its encoding is checked by
marks = {  # byte order marks, longer ones first: that of UTF-16 begins that of UTF-32
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-8": codecs.BOM_UTF8,
}
of_host_names = {"idna", "punycode"}  # a piece of them has no meaning of its own
no_beginning = {"ÿþ", "þÿ", "ï»¿"}  # marks read in a Latin encoding: no text begins like that
few, half = 4, 0.5  # NULs, and their share, that do not come by chance


class Encoding(NamedTuple):
    """How to read a file: Python's codec, with its byte order, and the mark to leave out."""

    codec: str
    mark: bytes


def encoding_of(head: bytes, encoding: str, name: str) -> Encoding:
    """How to read a file that begins with `head` (`head_size` bytes) and is said to be `encoding`.

    Raises `CorpusError` where that is no encoding of texts, and where the file is for certain in
    another: read as it was given, it would be learned as other characters than it has.
    """
    codec = _codec(encoding, name)
    if codec in {
        "utf-16",
        "utf-32",
    }:  # without a mark it is little-endian, as on all usual machines
        little, big = f"{codec}-le", f"{codec}-be"
        codec = _marked(head, (little, big)) or little
    mark = marks.get(codec, b"")
    mark = mark if head.startswith(mark) else b""
    marked = _marked(head, marks)
    if marked and marked != codec and _excludes(head, marked, codec):
        _refuse(
            name, encoding, "its byte order mark", marked.removesuffix("-le").removesuffix("-be")
        )
    known = unmarked(head[len(mark) :], half)
    if known and known != codec:
        _refuse(name, encoding, "its NUL bytes", known)
    return Encoding(codec, mark)


def unmarked(head: bytes, share: float = 0) -> str:
    """UTF-16 or UTF-32, if a text in it without a mark begins like that; else empty.

    In UTF-16 each letter of ASCII has a NUL: `share` is how many of the characters have one.
    """
    for codec in ("utf-32-le", "utf-32-be"):
        if _is_utf32(head, codec):
            return codec
    units = len(head) // 2
    high, low = head[: 2 * units : 2].count(0), head[1 : 2 * units : 2].count(0)
    if min(high, low) or max(high, low) < max(few, share * units):
        return ""
    return "utf-16-be" if high else "utf-16-le"


def _codec(encoding: str, name: str) -> str:
    """Python's name of an encoding of texts."""
    try:
        codec = codecs.lookup(encoding).name
        "".encode(encoding)  # refuses codecs that give no text
        if codec in of_host_names:
            raise LookupError(f"{codec} is for names of hosts")
    except (LookupError, ValueError) as error:
        raise CorpusError(
            f"{name} cannot be read with encoding {encoding!r} ({error}):"
            " give a text encoding that Python knows, such as utf-8, utf-16 or latin-1"
        ) from error
    return "utf-8" if codec == "utf-8-sig" else codec


def _refuse(name: str, encoding: str, sign: str, known: str) -> None:
    raise CorpusError(
        f"{name} is not {encoding}: by {sign} it looks like {known}: give encoding={known}"
    )


def _marked(head: bytes, among: Collection[str]) -> str:
    """The encoding whose byte order mark `head` begins with; else empty."""
    found = (codec for codec, mark in marks.items() if codec in among and head.startswith(mark))
    return next(found, "")


def _excludes(head: bytes, marked: str, codec: str) -> bool:
    """Whether a file with the mark of another encoding cannot be in `codec`."""
    mark = marks[marked]
    if marked.startswith("utf-32") and codec.startswith("utf-16"):
        return _is_utf32(head[len(mark) :], marked)  # else a mark of UTF-16 and a NUL
    text = mark.decode(codec, "replace").strip("\x00")
    return "\ufffd" in text or "\ufffe" in text or text in no_beginning


def _is_utf32(data: bytes, codec: str) -> bool:
    """Whether all of `data` are characters in UTF-32, and not mostly NUL."""
    try:
        text = data[: len(data) // 4 * 4].decode(codec)
    except UnicodeDecodeError:
        return False
    return len(text) >= few and text.count("\x00") < half * len(text)
