"""The table of a report: its columns, and a reader that checks a Parquet file before it unpacks it.

Three megabytes of Parquet may hold gigabytes of text: the footer is read first, then the columns
that name the report, and each text once, however often it occurs.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from flows.exceptions import DamagedObject
from flows.storage import bounds
from flows.storage.damage import check_format
from flows.storage.parquet_footer import Chunk, Footer, parse_footer
from flows.storage.parquet_pages import unpacked_size

report_format = 1

# Name, type, meaning. The file's metadata carries the meaning to every reader: a change of words
# changes the bytes of reports.
columns: tuple[tuple[str, pa.DataType, str], ...] = (
    ("report_id", pa.string(), "Name of the report; equal for equal checkpoint and options"),
    ("model", pa.string(), "Name of the model"),
    ("run_id", pa.string(), "Training run, as in models/<model>/runs/<run_id>"),
    ("dataset_id", pa.string(), "Corpus that the run trained on, as in datasets/<dataset_id>"),
    ("iteration", pa.int64(), "Training iterations behind the checkpoint"),
    ("checkpoint_digest", pa.string(), "SHA-256 of the checkpoint's payload, which is its name"),
    (
        "kind",
        pa.string(),
        "sample: of the report's checkpoint; snapshot: of the training's own memory and next input",
    ),
    ("sample_number", pa.int32(), "Place of the row among those of its kind, from 0"),
    (
        "seed",
        pa.int64(),
        "numpy default_rng([seed, sample_number]) draws a sample, of [seed, iteration] a snapshot",
    ),
    ("priming", pa.string(), "Text that the network read before it wrote; not part of text"),
    (
        "temperature",
        pa.float64(),
        "Divisor of the scores before the softmax; 0 is always likeliest",
    ),
    ("text", pa.string(), "What the network wrote"),
    ("characters", pa.int32(), "Length of text in characters (code points)"),
    (
        "nats_per_character",
        pa.float64(),
        "Mean surprise of text to the network itself at temperature 1, in nats a character",
    ),
    ("created_at", pa.timestamp("us", tz="UTC"), "When the report was written"),
)
schema = pa.schema(
    [
        pa.field(name, kind, nullable=False, metadata={"description": meaning})
        for name, kind, meaning in columns
    ],
    metadata={"report_format": str(report_format)},
)
texts = [field.name for field in schema if pa.types.is_string(field.type)]


def parse_report(name: str, data: bytes, expected: Mapping[str, str]) -> pa.Table:
    """The table in `data`, whose every row must have the `expected` values."""
    try:
        footer = _footer(data)  # before pyarrow reads it, which ends the process on some
        _check_schema(name, pq.ParquetFile(io.BytesIO(data)).schema_arrow)
        _check_footer(footer, data)
        # Each different text once: the table is as small as the file until it is expanded.
        file = pq.ParquetFile(
            io.BytesIO(data), read_dictionary=texts, page_checksum_verification=True
        )
        for column, value in expected.items():
            _check_column(file.read([column])[column], column, value)
        table = file.read()
        table.validate(full=True)
        if (size := sum(map(_expanded, table.columns))) > bounds.report_table:
            raise ValueError(f"{size:,} bytes of values, at most {bounds.report_table:,} are read")
        return table.cast(schema)
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise DamagedObject(name, f"not a Parquet report ({reason})") from error


def _footer(data: bytes) -> Footer:
    length = int.from_bytes(data[-8:-4], "little")
    if length > bounds.report_footer:
        raise ValueError(f"its footer is larger than {bounds.report_footer:,} bytes")
    if data[-4:] != b"PAR1" or length > len(data) - 8:
        raise ValueError("it has no footer, so it is cut short")
    return parse_footer(data[len(data) - 8 - length : -8])


def _check_schema(name: str, found: pa.Schema) -> None:
    """Refuse a table that is not a report, or that a newer program wrote."""
    if version := (found.metadata or {}).get(b"report_format"):
        check_format(name, int(version), report_format)
    if not found.equals(schema):
        raise DamagedObject(name, "its columns are not those of a report")


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


def _check_column(column: pa.ChunkedArray, name: str, value: str) -> None:
    """Refuse a report of another name."""
    values = (found for chunk in column.chunks for found in pc.unique(chunk).to_pylist())
    if others := [found for found in values if found != value]:
        raise ValueError(f"its {name} is {str(others[0])[:64]!r}, expected {value!r}")


def _expanded(column: pa.ChunkedArray) -> int:
    """The bytes of a column in which each text is written out where it occurs."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    sizes = (
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for chunk in column.chunks
    )
    return int(sum(sizes))
