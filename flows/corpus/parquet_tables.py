"""The column of a Parquet file, some rows at a time, however the file is laid out.

A few kilobytes of Parquet may hold gigabytes of text, in a page or in repeated values: how many
rows are read at once follows from the headers of the pages, before any is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.corpus.columns import Problem, missing, refused
from flows.corpus.table_kinds import TableFile
from flows.storage.parquet_footer import Chunk, Footer, parse_footer
from flows.storage.parquet_pages import headers

most_footer = 16 << 20  # bytes
most_page = 128 << 20
most_pages = 1_000_000  # of a column in a group of rows
batch_bytes = 4 << 20
most_rows = 1 << 16
most_repeated = 8  # times `batch_bytes`: what a batch has at most where values repeat others
read_size = 1 << 20
dictionary_encodings, prefixes = {2, 8}, 7  # in headers of pages
data_pages = {5: 2, 8: 4}  # fields of a header, and the field of the encoding in each
smaller_footer = "export the column alone, or in larger groups of rows"
smaller = "write it with smaller groups of rows, or as JSON Lines"


def columns(path: TableFile, name: str) -> list[str]:
    """The columns of the table."""
    with path.open("rb") as stream, refused(name, "Parquet"):
        _footer(stream)
        return list(_opened(stream).schema_arrow.names)


def arrays(path: TableFile, name: str, column: str) -> Iterator[Any]:
    """The rows of `column`, as Arrow arrays of strings."""
    with path.open("rb") as stream, path.open("rb") as pages, refused(name, "Parquet"):
        groups = _footer(pages).groups
        file = _opened(stream)
        parts = _parts(file.schema_arrow, name, column)
        leaf = _leaf(file, name, column)
        for group, found in enumerate(groups):
            if leaf >= len(found.chunks):
                raise ValueError("its footer is corrupt")
            rows = _rows_at_once(found.chunks[leaf], pages, path, group, column)
            batches = file.iter_batches(rows, [group], [column], use_threads=False)
            for batch in batches:
                array = batch.column(0)
                yield pc.struct_field(array, parts[1:]) if parts[1:] else array


def _opened(stream: Any, **options: Any) -> Any:
    """The file; pages are read one by one, not a whole group."""
    return pq.ParquetFile(
        stream,
        pre_buffer=False,
        buffer_size=read_size,
        page_checksum_verification=True,
        **options,
    )


def _footer(stream: Any) -> Footer:
    """The footer, which ends with its length and a magic; it is read before pyarrow reads it."""
    end = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, end - 8))
    tail = stream.read(8)
    if tail[4:] == b"PARE":
        raise Problem("it is encrypted: export it without encryption")
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] != b"PAR1" or length > end - 8:
        raise Problem("it has no footer, so it is cut short: copy it again")
    if length > most_footer:
        raise Problem(f"its footer has more than {most_footer:,} bytes: {smaller_footer}")
    stream.seek(end - 8 - length)
    return parse_footer(stream.read(length))


def _parts(schema: Any, name: str, column: str) -> list[str]:
    """The column's name, or the names on the way to it in structs; it must be of strings."""
    if schema.names.count(column) > 1:
        raise Problem(f"it has {schema.names.count(column)} columns {column!r}: rename one")
    parts = [column] if column in schema.names else column.split(".")
    if schema.names.count(parts[0]) != 1:
        raise missing(name, column, schema.names)
    kind = schema.field(parts[0]).type
    for part in parts[1:]:
        if not pa.types.is_struct(kind) or kind.get_field_index(part) < 0:
            raise missing(name, column, schema.names)
        kind = kind.field(part).type
    if not _is_text(kind):
        raise Problem(
            f"its column {column!r} is of type {kind}, not of strings: export it as strings"
        )
    return parts


def _is_text(kind: Any) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _is_text(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _is_text(kind.value_type)
    checks = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(check(kind) for check in checks)


def _leaf(file: Any, name: str, column: str) -> int:
    """The place of the column among those that the file stores."""
    stored = [file.schema.column(number).path for number in range(len(file.schema.names))]
    if stored.count(column) != 1:
        raise missing(name, column, file.schema_arrow.names)
    return stored.index(column)


def _rows_at_once(chunk: Chunk, pages: Any, path: TableFile, group: int, column: str) -> int:
    """How many rows of a group have some megabytes, wherever its longest texts are."""
    if not chunk.values:
        return most_rows
    longest, repeats = 1.0, False
    for header in headers(pages, chunk.start, chunk.length, most_pages):
        if header[2] > most_page:
            raise Problem(
                f"a page of {header[2]:,} bytes, at most {most_page:,} are read: {smaller}"
            )
        for field, encoding in data_pages.items():
            own = header.get(field, {})
            used = own.get(encoding, 0)
            repeats |= used in dictionary_encodings
            if own and used not in dictionary_encodings:
                values = max(1, own.get(1, 1))
                if used == prefixes:  # each may repeat the one before it, so have its whole page
                    values = min(values, most_repeated)
                longest = max(longest, header[2] / values)
    if repeats:
        longest = max(longest, _longest_repeated(path, group, column))
    return max(1, min(most_rows, int(batch_bytes / longest)))


def _longest_repeated(path: TableFile, group: int, column: str) -> int:
    """Bytes of the longest text that is stored once and named by its rows."""
    with path.open("rb") as stream:
        file = _opened(stream, read_dictionary=[column])
        for batch in file.iter_batches(1, [group], [column], use_threads=False):
            array = batch.column(0)
            while pa.types.is_struct(array.type):
                array = pc.struct_field(array, [0])
            lengths = pc.binary_length(array.dictionary.cast(pa.large_binary()))
            return int(pc.max(lengths).as_py() or 0)
    return 0
