"""Where the pages of a Parquet file's columns are, as its footer says.

pyarrow ends the whole process where it is asked for this and the footer is corrupt. The footer is a
struct of Thrift: https://github.com/apache/parquet-format.
"""

from __future__ import annotations

import io
from typing import NamedTuple

from flows.storage.thrift import Fields, Reader, long_field, sequence, struct

# Fields: of the footer, of a group of rows, of a column in it, of the metadata of that.
all_rows, row_groups = 3, 4
column_chunks, rows = 1, 3
metadata = 3
values, packed, data_start, dictionary_start = 5, 7, 9, 11


class Chunk(NamedTuple):
    """The pages of a column in a group of rows."""

    values: int
    start: int  # offset in the file
    length: int  # bytes


class Group(NamedTuple):
    """A group of rows."""

    rows: int
    chunks: list[Chunk]  # one for each column that the file stores


class Footer(NamedTuple):
    """What a footer says of rows and pages."""

    rows: int
    groups: list[Group]


def parse_footer(footer: bytes) -> Footer:
    """The footer, without the tail of the file; ValueError for a corrupt one."""
    reader = Reader(io.BytesIO(footer), "its footer", most_items=len(footer))
    wanted = {all_rows: long_field, row_groups: (sequence, _groups)}
    found = _required(reader.fields(wanted), all_rows, row_groups)
    return Footer(found[all_rows], found[row_groups])


def _groups(reader: Reader) -> list[Group]:
    return reader.structs(_group)


def _group(reader: Reader) -> Group:
    wanted = {column_chunks: (sequence, _chunks), rows: long_field}
    found = _required(reader.fields(wanted), column_chunks, rows)
    return Group(found[rows], found[column_chunks])


def _chunks(reader: Reader) -> list[Chunk]:
    return reader.structs(_chunk)


def _chunk(reader: Reader) -> Chunk:
    chunk: Chunk = _required(reader.fields({metadata: (struct, _metadata)}), metadata)[metadata]
    return chunk


def _metadata(reader: Reader) -> Chunk:
    wanted = dict.fromkeys((values, packed, data_start, dictionary_start), long_field)
    found = _required(reader.fields(wanted), values, packed, data_start)
    start: int = found[data_start]
    if 0 < (dictionary := found.get(dictionary_start, 0)) < start:
        start = dictionary
    return Chunk(found[values], start, found[packed])


def _required(found: Fields, *numbers: int) -> Fields:
    if not found.keys() >= set(numbers):
        raise ValueError("its footer is corrupt")
    return found
