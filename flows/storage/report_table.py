"""The table of a report: its columns, and a reader that checks a Parquet file before it unpacks it.

Three megabytes of Parquet may hold gigabytes of text: the footer is read first, then the columns
that name the report, and each text once, however often it occurs.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.exceptions import DamagedObject
from flows.storage import bounds
from flows.storage.damage import check_format
from flows.storage.parquet_columns import Column
from flows.storage.parquet_footer import Chunk, Footer, parse_footer
from flows.storage.parquet_pages import unpacked_size
from flows.storage.report_schema import of_first_format, report_format, samples, schema_of


def parse_report(
    name: str,
    data: bytes,
    expected: Mapping[str, object],
    columns: tuple[Column, ...] = samples,
    names: Sequence[str] | None = None,
) -> pa.Table:
    """The table in `data`, or its columns of these `names`; every row must have the `expected` values."""
    with _damaged(name):
        file = _opened(name, data, columns)
        _check_values(file, expected)
        table = file.read(names)
        table.validate(full=True)
        if (size := sum(map(expanded, table.columns))) > bounds.report_table:
            raise ValueError(f"{size:,} bytes of values, at most {bounds.report_table:,} are read")
        schema = _schema_of(columns, _version(file.schema_arrow))
        return table.cast(pa.schema(map(schema.field, table.column_names), schema.metadata))


def read_identity(
    name: str,
    data: bytes,
    expected: Mapping[str, object],
    columns: tuple[Column, ...] = samples,
    places: pa.Table | None = None,
) -> pa.Table:
    """Run and checkpoint of each row, checked as `parse_report` does; no text is read.

    `places` are columns that name each sample's place in a grid: the file must have the same.
    """
    with _damaged(name):
        file = _opened(name, data, columns)
        _check_values(file, expected)
        if places is not None:
            _check_places(file, places)
        return file.read(["run_id", "checkpoint_digest"])


@contextmanager
def _damaged(name: str) -> Iterator[None]:
    """Errors of a file that is no report as `DamagedObject`."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise DamagedObject(name, f"not a Parquet report ({reason})") from error


def _opened(name: str, data: bytes, columns: tuple[Column, ...]) -> pq.ParquetFile:
    """The file, whose footer and schema are those of a report."""
    footer = _footer(data)  # before pyarrow reads it, which ends the process on some
    found = pq.ParquetFile(io.BytesIO(data)).schema_arrow
    version = _version(found)
    check_format(name, version, report_format)
    if not found.equals(schema := _schema_of(columns, version)):
        raise DamagedObject(name, "its columns are not those of a report")
    _check_footer(footer, data)
    # Each different text once: the table is as small as the file until it is expanded.
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    return pq.ParquetFile(io.BytesIO(data), read_dictionary=texts, page_checksum_verification=True)


def _version(schema: pa.Schema) -> int:
    """The version that a file names; one without is compared with the columns of now."""
    return int((schema.metadata or {}).get(b"report_format", report_format))


def _schema_of(columns: tuple[Column, ...], version: int) -> pa.Schema:
    return schema_of(of_first_format if version == 1 else columns, version)


def _footer(data: bytes) -> Footer:
    length = int.from_bytes(data[-8:-4], "little")
    if length > bounds.report_footer:
        raise ValueError(f"its footer is larger than {bounds.report_footer:,} bytes")
    if data[-4:] != b"PAR1" or length > len(data) - 8:
        raise ValueError("it has no footer, so it is cut short")
    return parse_footer(data[len(data) - 8 - length : -8])


def _check_footer(footer: Footer, data: bytes) -> None:
    """Refuse a footer, which has no checksum, whose counts differ or are too large."""
    rows, groups = footer
    if rows > bounds.report_rows:
        raise ValueError(f"{rows:,} rows, at most {bounds.report_rows:,} are read")
    if len(groups) > bounds.report_groups:
        raise ValueError(f"{len(groups):,} groups of rows, not one")
    for group in groups:
        columns = {chunk.values for chunk in group.chunks}
        if columns != {group.rows}:
            raise ValueError(f"{group.rows} rows, but columns of {sorted(columns)}")
    if sum(group.rows for group in groups) != rows:
        raise ValueError(f"not the {rows} rows that it claims")
    size = sum(_unpacked(data, chunk) for group in groups for chunk in group.chunks)
    if size > bounds.report_table:
        raise ValueError(f"{size:,} bytes unpacked, at most {bounds.report_table:,} are read")


def _unpacked(data: bytes, chunk: Chunk) -> int:
    """Bytes that a column of a group unpacks to, by the headers of its pages."""
    if not chunk.values:  # then none is read
        return 0
    return unpacked_size(data, chunk.start, chunk.length, bounds.report_rows)


def _check_values(file: pq.ParquetFile, expected: Mapping[str, object]) -> None:
    """Refuse a report of another name."""
    for name, value in expected.items():
        column = file.read([name])[name]
        values = (found for chunk in column.chunks for found in pc.unique(chunk).to_pylist())
        if others := [found for found in values if found != value]:
            raise ValueError(f"its {name} is {str(others[0])[:64]!r}, expected {str(value)!r}")


def _check_places(file: pq.ParquetFile, places: pa.Table) -> None:
    """Refuse a report of other samples than those that its grid has at these rows."""
    table = file.read(["kind", *places.column_names])
    found = table.filter(pc.equal(table["kind"].cast(pa.string()), "sample"))
    if len(found) != len(places):
        raise ValueError(f"{len(found):,} samples, expected {len(places):,}")
    for name in places.column_names:
        differ = pc.not_equal(found[name].cast(places.schema.field(name).type), places[name])
        if pc.any(differ).as_py():
            row = pc.index(differ, True).as_py()
            raise ValueError(
                f"its {name} is {str(found[name][row].as_py())[:64]!r} at sample {row},"
                f" expected {str(places[name][row].as_py())[:64]!r}"
            )


def expanded(column: pa.ChunkedArray) -> int:
    """The bytes of a column in which each text is written out where it occurs."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    sizes = (
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for chunk in column.chunks
    )
    return int(sum(sizes))
