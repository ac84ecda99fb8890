"""The rows of a table of models in Parquet, whose sizes are checked before anything is unpacked."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from flows.lifecycle.fleet.files import RawRow
from flows.storage import bounds
from flows.storage.parquet_footer import parse_footer
from flows.storage.parquet_pages import unpacked_size
from flows.storage.report_table import expanded


def parquet_rows(data: bytes) -> Iterator[RawRow]:
    """Each row, its nulls left out."""
    _check_footer(data)
    try:
        file = pq.ParquetFile(io.BytesIO(data))
        names = file.schema_arrow.names
        if "model" not in names or len(set(names)) < len(names):
            raise ValueError(
                f"its columns are {', '.join(names)[:100]!r}, expected model, each once"
            )
        texts = [field.name for field in file.schema_arrow if pa.types.is_string(field.type)]
        table = pq.read_table(io.BytesIO(data), read_dictionary=texts)  # each different text once
        if (size := sum(map(expanded, table.columns))) > bounds.models_table:
            raise ValueError(f"{size:,} bytes of values, at most {bounds.models_table:,} are read")
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    for number, row in enumerate(table.to_pylist(), 1):
        yield RawRow(f"row {number}", {key: cell for key, cell in row.items() if cell is not None})


def _check_footer(data: bytes) -> None:
    """Before pyarrow reads it, which ends the process on some."""
    length = int.from_bytes(data[-8:-4], "little")
    if data[-4:] != b"PAR1" or length > len(data) - 8:
        raise ValueError("it has no footer, so it is cut short")
    footer = parse_footer(data[len(data) - 8 - length : -8])
    if footer.rows > bounds.models:
        raise ValueError(f"{footer.rows:,} rows, at most {bounds.models:,} are read")
    chunks = [chunk for group in footer.groups for chunk in group.chunks if chunk.values]
    size = sum(unpacked_size(data, c.start, c.length, bounds.report_rows) for c in chunks)
    if size > bounds.models_table:
        raise ValueError(f"{size:,} bytes unpacked, at most {bounds.models_table:,} are read")
