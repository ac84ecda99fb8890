"""What the pages of a Parquet file unpack to, as their headers say, before any is unpacked.

The footer names sizes too, but a reader allocates what the header of each page says. Headers are
structs in Thrift's compact protocol: https://parquet.apache.org/docs/file-format/data-pages.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from flows.storage.thrift import Fields, Reader, struct, whole_field

unpacked, packed = 2, 3  # fields of a header: bytes of the page
page_headers = {5: 2, 7: 2, 8: 4}  # fields with a header of a kind, and the field of its encoding
count = 1  # field of all of these: values in the page
expected_encodings = {0, 2, 3, 4, 8}  # plain, by dictionary, by runs: others repeat parts of texts
most_pages = 5000  # of a column of a report: they have a megabyte, or so many rows
most_items = 100  # in lists and maps of a header: it has none


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
    if min(start, length) < 0:
        raise ValueError("its pages are outside of the file")
    stream.seek(start)
    pages = 0
    while stream.tell() < start + length:
        if (pages := pages + 1) > most:
            raise ValueError(f"more than {most:,} pages in a column")
        header = Reader(stream, "a page's header", most_items).fields(wanted)
        if not {unpacked, packed} <= header.keys() or min(header[unpacked], header[packed]) < 0:
            raise ValueError("a page has no size")
        stream.seek(header[packed], io.SEEK_CUR)
        yield header


def _own(reader: Reader) -> Fields:
    return reader.fields(dict.fromkeys((count, *page_headers.values()), whole_field))


wanted = dict.fromkeys((unpacked, packed), whole_field) | dict.fromkeys(
    page_headers, (struct, _own)
)
