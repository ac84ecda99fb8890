"""Columns of the Parquet files that people read, each with its meaning; and such a file as bytes."""

from __future__ import annotations

import io
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq


class Column(NamedTuple):
    """A column; its meaning is in the file's metadata: a change of words changes bytes of reports."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False


text, whole, number, instant = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC")
texts = pa.list_(pa.field("element", text, nullable=False))


def optional(name: str, kind: pa.DataType, meaning: str) -> Column:
    """A column that may be null."""
    return Column(name, kind, meaning, nullable=True)


def schema_of(columns: tuple[Column, ...], version: int) -> pa.Schema:
    """The schema of a file with these columns."""
    fields = [
        pa.field(c.name, c.type, nullable=c.nullable, metadata={"description": c.meaning})
        for c in columns
    ]
    return pa.schema(fields, metadata={"report_format": str(version)})


def parquet_bytes(table: pa.Table) -> bytes:
    """A table as a Parquet file, with a checksum for each page."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    return buffer.getvalue()
