"""What the pages of a Parquet file unpack to, as their headers say, before any is unpacked.

The footer names sizes too, but a reader allocates what the header of each page says. Headers are
structs in Thrift's compact protocol: https://parquet.apache.org/docs/file-format/data-pages.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

unpacked, packed = 2, 3  # fields of a header: bytes of the page
page_headers = {5: 2, 7: 2, 8: 4}  # fields with a header of a kind, and the field of its encoding
count = 1  # field of all of these: values in the page
expected_encodings = {0, 2, 3, 4, 8}  # plain, by dictionary, by runs: others repeat parts of texts
boolean, whole_number, text, struct = (1, 2), 5, 8, 12  # types of fields
skipped_numbers, widths = (4, 6), {3: 1, 7: 8}
most_pages = 5000  # of a column of a report: they have a megabyte, or so many rows
most_fields = 100
most_varint = 10  # bytes

Fields = dict[int, Any]


def unpacked_size(data: bytes, start: int, length: int, most_values: int) -> int:
    """Bytes that the pages in `length` bytes from `start` unpack to; ValueError if they are none."""
    if not 0 <= start <= start + length <= len(data):
        raise ValueError("its pages are outside of the file")
    size = 0
    for header in headers(io.BytesIO(data), start, length, most_pages):  # no copy
        for field, encoding in page_headers.items():
            own = header.get(field, {})
            if own.get(encoding, 0) not in expected_encodings:
                raise ValueError(f"a page has the encoding {own[encoding]}, which reports have not")
            if not 0 <= own.get(count, 0) <= most_values:
                raise ValueError(
                    f"a page of {own[count]:,} values, at most {most_values:,} are read"
                )
        size += header[unpacked]
    return size


def headers(stream: BinaryIO, start: int, length: int, most: int) -> Iterator[Fields]:
    """The headers of the pages in `length` bytes from `start`, at most `most` of them."""
    stream.seek(start)
    pages = 0
    while stream.tell() < start + length:
        if (pages := pages + 1) > most:
            raise ValueError(f"more than {most:,} pages in a column")
        header = _fields(stream, depth=3)
        if not {unpacked, packed} <= header.keys() or min(header[unpacked], header[packed]) < 0:
            raise ValueError("a page has no size")
        stream.seek(header[packed], io.SEEK_CUR)
        yield header


def _fields(stream: BinaryIO, depth: int) -> Fields:
    """A struct's 32-bit numbers and structs, by field; the last one counts, as for other readers."""
    found: Fields = {}
    number = 0
    while head := _byte(stream):
        kind, step = head & 15, head >> 4
        number = number + step if step else _number(stream)
        if not (0 < number < most_fields and depth):
            raise ValueError("a page's header is malformed")
        if kind == whole_number:
            found[number] = _number(stream)
            if not -(2**31) <= found[number] < 2**31:
                raise ValueError("a page's header has too large a number")
        elif kind == struct:
            found[number] = _fields(stream, depth - 1)
        else:
            _skip(stream, kind)
    return found


def _skip(stream: BinaryIO, kind: int) -> None:
    if kind in skipped_numbers:
        _number(stream)
    elif kind == text:
        stream.seek(_varint(stream), io.SEEK_CUR)
    elif kind in widths:
        stream.seek(widths[kind], io.SEEK_CUR)
    elif kind not in boolean:
        raise ValueError(f"a page's header has a field of type {kind}")


def _number(stream: BinaryIO) -> int:
    """A number with its sign in the last bit."""
    value = _varint(stream)
    return value >> 1 ^ -(value & 1)


def _varint(stream: BinaryIO) -> int:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    value = 0
    for place in range(most_varint):
        byte = _byte(stream)
        value |= (byte & 127) << 7 * place
        if byte < 128:  # noqa: PLR2004
            return value
    raise ValueError("a page's header has too long a number")


def _byte(stream: BinaryIO) -> int:
    found = stream.read(1)
    if not found:
        raise ValueError("a page's header is cut short")
    return found[0]
