"""Pages of a Parquet file say what they unpack to, and are refused before they are unpacked."""

from __future__ import annotations

import io
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.exceptions import DamagedObject
from flows.storage import bounds
from flows.storage.parquet_pages import unpacked_size
from flows.storage.reports import load
from flows.storage.stores import Store
from tests.support.reports import path, place, rows, schema


def varint(number: int) -> bytes:
    """A number as Thrift writes it."""
    value, found = number << 1 if number >= 0 else (-number << 1) - 1, b""
    while value > 127:
        value, found = value >> 7, found + bytes([value & 127 | 128])
    return found + bytes([value])


def page(unpacked: int, packed: bytes = b"", *, encoding: int = 0, values: int = 1) -> bytes:
    """A page of data whose header says these things."""
    own = b"\x15" + varint(values) + b"\x15" + varint(encoding) + b"\x00"
    sizes = b"\x15" + varint(0) + b"\x15" + varint(unpacked) + b"\x15" + varint(len(packed))
    return sizes + b"\x2c" + own + b"\x00" + packed


def size_of(data: bytes) -> int:
    """What all pages in `data` unpack to."""
    return unpacked_size(data, 0, len(data), 1000)


def test_sizes_of_pages_are_added() -> None:
    """Whatever the pages hold."""
    assert 2_000_000_033 == size_of(page(2_000_000_000, b"abc") + page(33, b"\xff" * 300))
    assert 0 == size_of(b"")


@pytest.mark.parametrize("compression", ["zstd", "snappy", "none"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_the_size_is_that_of_the_footer_of_an_honest_file(compression: str, version: str) -> None:
    """Less the headers themselves; for each column, and for both kinds of pages."""
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(rows * 500, schema=schema)
    pq.write_table(table, buffer, compression=compression, data_page_version=version)
    group = pq.ParquetFile(buffer).metadata.row_group(0)
    for column in map(group.column, range(group.num_columns)):
        start = column.dictionary_page_offset or column.data_page_offset
        found = unpacked_size(buffer.getvalue(), start, column.total_compressed_size, 10_000)
        assert 0 < column.total_uncompressed_size - found < 1000


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (page(1)[:-1], "cut short"),
        (page(-1), "has no size"),
        (b"\x00", "has no size"),
        (page(1, encoding=7), "the encoding 7"),  # repeats the beginnings of texts
        (page(1, values=10**6), "1,000,000 values, at most 1,000"),
        (page(2**31), "too large a number"),
        (b"\x25" + b"\xff" * 20, "too long a number"),
        (b"\x1c" * 5000, "malformed"),
        (b"\x05" + varint(2**15) + varint(5), "malformed"),
        (page(1)[:-1] + b"\x05" + varint(2) + varint(5) + b"\x00", "a field twice"),
        (b"\x29\x15", "a field of type 9, not 5"),
        (b"\x55" + page(1)[1:], "a field of type 5, not 12"),
        (b"\x2c\x00" + page(1), "a field of type 12, not 5"),
        (b"\x19\xf1" + b"\x65" + b"\x00" * 200, "too long a list"),
        (b"PAR1", "type 0"),
        (page(0) * 5001, "more than 5,000 pages"),  # to count millions would take minutes
    ],
)
def test_headers_that_no_report_has_are_refused(data: bytes, reason: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=reason):
        size_of(data)


def test_pages_outside_of_the_file_are_refused() -> None:
    """Before any is read."""
    for start, length in ((0, 10**12), (-1, 5), (10**12, 1), (0, -5)):
        with pytest.raises(ValueError, match="outside of the file"):
            unpacked_size(page(5, b"abc"), start, length, 1000)


def test_the_headers_of_pages_decide_not_the_footer(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty kilobytes may hold gigabytes, and the footer, which has no checksum, be silent on it."""
    monkeypatch.setattr(bounds, "report_table", 100_000)
    records = [rows[0] | {"text": "x" * 500_000}]
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(records, schema=schema), buffer)
    data, group = buffer.getvalue(), pq.ParquetFile(buffer).metadata.row_group(0)
    column = schema.get_field_index("text")
    for size in (group.total_byte_size, group.column(column).total_uncompressed_size):
        data = data.replace(varint(size), varint(20_000))
    local.put(path, data)

    assert 20_000 == pq.ParquetFile(io.BytesIO(data)).metadata.row_group(0).total_byte_size
    with pytest.raises(DamagedObject, match=r"50.,... bytes unpacked, at most 100,000 are read"):
        load(local, place.model, place.report_id)


def test_many_groups_of_rows_are_not_read(local: Store) -> None:
    """Each takes as long as a small report."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([rows[0]] * 17, schema=schema), buffer, row_group_size=1)
    local.put(path, buffer.getvalue())

    with pytest.raises(DamagedObject, match="17 groups of rows, not one"):
        load(local, place.model, place.report_id)


def test_a_large_footer_is_not_parsed(local: Store) -> None:
    """A footer of a hundred megabytes takes gigabytes in memory."""
    table = pa.Table.from_pylist([], schema=schema.with_metadata({"x": "y" * bounds.report_footer}))
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    local.put(path, buffer.getvalue())

    with pytest.raises(DamagedObject, match="its footer is larger than 1,048,576 bytes"):
        load(local, place.model, place.report_id)


@given(st.binary(max_size=60))
@settings(derandomize=True, deadline=None)
def test_any_bytes_give_a_size_or_a_reason(data: bytes) -> None:
    """Nothing else."""
    with suppress(ValueError):
        assert 0 <= size_of(data)
