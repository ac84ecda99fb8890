"""Bytes to text: strict, and precise about the first byte that does not fit the encoding."""

from __future__ import annotations

import codecs

from flows.exceptions import CorpusError

byte_order_marks = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def decode(data: bytes, encoding: str, name: str) -> str:
    """`data` as text; `CorpusError` names the first byte that does not fit, with its offset."""
    try:
        codec = codecs.lookup(encoding).name
        # A byte order mark is how the file was saved, not a character of the text.
        codec = "utf-8-sig" if codec == "utf-8" else codec
        text = data.decode(codec)
        text.encode()  # half a surrogate pair, which UTF-7 can encode, is no character
    except UnicodeDecodeError as error:
        raise CorpusError(_describe(error, data, encoding, codec, name)) from error
    except (LookupError, ValueError) as error:
        raise CorpusError(
            f"{name} cannot be read with encoding {encoding!r} ({error}):"
            " give a text encoding that Python knows, such as utf-8, utf-16 or latin-1"
        ) from error
    return text


def _describe(error: UnicodeDecodeError, data: bytes, encoding: str, codec: str, name: str) -> str:
    """What does not fit, where, and what to do."""
    # utf-8-sig counts without the byte order mark that it removed
    skipped = len(codecs.BOM_UTF8) * (codec == "utf-8-sig" and data.startswith(codecs.BOM_UTF8))
    at = error.start + skipped
    marked = next((known for mark, known in byte_order_marks if data.startswith(mark)), None)
    advice = "convert it, or give its real encoding"
    if marked and marked != codec:
        advice = f"it looks like {marked}: give encoding={marked}"
    found = f"0x{data[at]:02x}" if at < len(data) else "the end"
    return f"{name} is not {encoding}: {error.reason} at byte offset {at} ({found}): {advice}"
