"""A Parquet footer says where the pages are; what a reader in C++ takes otherwise is refused."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.exceptions import DamagedObject, NewerFormat
from flows.storage.parquet_footer import Chunk, Footer, Group, parse_footer
from flows.storage.report_table import parse_report
from flows.storage.stores import Store
from tests.support.reports import path, place, save

# One group of one row, of one column: a byte with step and type of a field, then its value.
chunk = b"\x56\x02" + b"\x26\x64" + b"\x26\x08" + b"\x26\x08"  # 1 value, 50 bytes from 4
column = b"\x3c" + chunk + b"\x00" + b"\x00"
group = b"\x19\x1c" + column + b"\x26\x02" + b"\x00"
footer = b"\x36\x02" + b"\x19\x1c" + group + b"\x00"


def with_chunk(changed: bytes) -> bytes:
    """`footer` with other metadata of its column."""
    return footer.replace(chunk, changed)


def footer_of(data: bytes) -> bytes:
    """The footer of a file, without its tail."""
    return data[-8 - int.from_bytes(data[-8:-4], "little") : -8]


@pytest.mark.parametrize(
    "options", [{}, {"use_dictionary": False}, {"store_schema": False}], ids=str
)
def test_the_footer_says_where_the_pages_are(options: dict[str, Any]) -> None:
    """As pyarrow does, which may be asked where a footer is intact."""
    table, buffer = (
        pa.table({"a": range(1000), "b": [str(n % 9) for n in range(1000)]}),
        io.BytesIO(),
    )
    pq.write_table(table, buffer, row_group_size=300, **options)
    metadata = pq.ParquetFile(buffer).metadata
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    expected = [
        (part.num_rows, [part.column(number) for number in range(part.num_columns)])
        for part in groups
    ]

    found = parse_footer(footer_of(buffer.getvalue()))

    assert metadata.num_rows == found.rows
    assert [
        (
            count,
            [
                (
                    c.num_values,
                    c.dictionary_page_offset or c.data_page_offset,
                    c.total_compressed_size,
                )
                for c in columns
            ],
        )
        for count, columns in expected
    ] == found.groups


def test_a_small_footer_is_read() -> None:
    """The one that the tests below change."""
    assert Footer(1, [Group(1, [Chunk(1, 4, 50)])]) == parse_footer(footer)


def test_fields_that_are_not_asked_for_are_skipped() -> None:
    """Whatever their type is."""
    texts, doubles = b"\x18\x03abc", b"\x17" + b"\xff" * 8
    lists = b"\x19\x28\x01a\x01b" + b"\x19\xf1\x10" + bytes(16) + b"\x1a\x02"
    maps = b"\x1b\x00" + b"\x1b\x01\x85\x01a\x02"
    small = b"\x11\x12" + b"\x13\xff" + b"\x14\xff\x01" + b"\x15\xff\xff\x01"
    skipped = small + texts + doubles + lists + maps

    assert parse_footer(footer) == parse_footer(
        footer[:-1] + b"\x0c\xc8\x01" + skipped + b"\x00\x00"
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is cut short"),
        (footer[:-1], "is cut short"),
        (b"\x00", "is corrupt"),  # no field that it must have
        (with_chunk(chunk[:-4]), "is corrupt"),
        (with_chunk(chunk + b"\x06\x12\x02"), "has a field twice"),
        (footer[:-1] + b"\x06\x06\x02\x00", "has a field twice"),
        (with_chunk(b"\x55" + chunk[1:]), "has a field of type 5, not 6"),
        (footer.replace(b"\x19\x1c" + group, b"\x19\x18\x00"), "has a field of type 8, not 12"),
        (footer[:-1] + b"\x50\x00", "has a field of type 0"),
        (footer[:-1] + b"\x5d\x00", "has a field of type 13"),
        (with_chunk(b"\x56" + b"\xff" * 9 + b"\x03" + chunk[2:]), "has too large a number"),
        (with_chunk(b"\x56" + b"\xff" * 11 + chunk[2:]), "has too long a number"),
        (footer[:-1] + b"\x58\xff\xff\xff\xff\x7f\x00", "has too large a number"),  # of bytes
        (footer[:-1] + b"\x59\xf1\xff\xff\x03\x00", "has too long a list"),
        (footer[:-1] + b"\x06\x86\x80\x08\x02\x00", "is malformed"),  # field 3 in its lower 16 bits
        (footer[:-1] + b"\x06\x01\x02\x00", "is malformed"),
        (footer[:-1] + b"\x5c" + b"\x1c" * 5000, "is malformed"),
        (footer[:-1] + b"\x59" + b"\x19" * 20, "is malformed"),
    ],
)
def test_a_footer_that_no_program_writes_is_refused(data: bytes, reason: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match=f"its footer {reason}"):
        parse_footer(data)


@given(st.binary(max_size=60), st.integers(0, len(footer)))
@settings(derandomize=True, deadline=None)
def test_any_bytes_give_a_footer_or_a_reason(data: bytes, place: int) -> None:
    """Nothing else."""
    with suppress(ValueError):
        parse_footer(footer[:place] + data + footer[place:])


def test_no_byte_of_a_footer_ends_the_process(local: Store) -> None:
    """A bit of each is flipped in turn: it makes no difference, or is refused. pyarrow would end on some."""
    save(local)
    data = local.read(path)
    expected = {"model": place.model, "report_id": place.report_id}
    intact = parse_report("name", data, expected)
    refused = 0
    # The copy of the schema that follows is long, and nothing in it is a place or a size.
    for at in range(len(data) - 8 - len(footer_of(data)), data.index(b"ARROW:schema")):
        wrong = data[:at] + bytes([data[at] ^ 1 << 5]) + data[at + 1 :]
        try:
            assert intact.equals(parse_report("name", wrong, expected))
        except (DamagedObject, NewerFormat):
            refused += 1

    assert refused
