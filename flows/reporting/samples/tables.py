"""Tables of reports: rows of samples, column by column, and of snapshots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flows.reporting.samples.drawing import Sampler, Texts
from flows.reporting.samples.grid import Grid
from flows.reporting.strings import adjacent_strings
from flows.storage import report_schema
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.parquet_columns import Column
from flows.text import Vocabulary
from flows.text.vocabulary import TokenArray


class Shared(NamedTuple):
    """The values that all rows of a report have in common."""

    report_id: str
    model: str
    run_id: str
    dataset_id: str
    iteration: int
    checkpoint_digest: str
    created_at: datetime  # UTC
    version: int | None
    corpus: str
    held_out_bits_per_character: float | None
    week: str | None
    schema_version: int = report_schema.report_format


def sample_table(
    shared: Shared,
    sampler: Sampler,
    samples: range,
    vocabulary: Vocabulary,
    texts: Texts,
    measures: Mapping[str, NDArray[np.float64]],
) -> pa.Table:
    """The rows of consecutive samples of a grid."""
    written = text_column(vocabulary, texts.tokens, texts.ends)
    options = sampler.options
    columns = {
        **shared._asdict(),
        **dict(zip(place_names, place_columns(sampler.grid, samples), strict=True)),
        "kind": "sample",
        "text": written,
        "characters": pc.utf8_length(written),
        "hidden_state": options.hidden_state,
        "top_k": options.top_k,
        "top_p": options.top_p,
        "stopped": pa.array(texts.stopped),
        **{name: pa.array(values, from_pandas=True) for name, values in measures.items()},
    }
    return table_of(report_schema.samples, columns, len(samples))


place_names = ("priming", "seed", "sample_number", "temperature")


def place_columns(grid: Grid, samples: range) -> list[pa.Array]:
    """The columns that tell the place of consecutive samples in their grid."""
    rows = grid.rows(samples)
    return [
        pa.array(grid.primings, pa.string()).take(pa.array(rows.priming)),
        pa.array(grid.seeds, pa.int64()).take(pa.array(rows.seed)),
        pa.array(rows.number.astype(np.int32)),
        pa.array(np.array(grid.temperatures)[rows.temperature]),
    ]


def snapshot_table(shared: Shared, records: Sequence[CheckpointRecord]) -> pa.Table:
    """Rows of the snapshots that a run took up to the checkpoint of the report."""
    taken = [
        record for record in records if record.snapshot and record.iteration <= shared.iteration
    ]
    rows = [
        shared._asdict()
        | snapshot.model_dump()
        | {
            "iteration": record.iteration,
            "checkpoint_digest": record.digest,
            "kind": "snapshot",
            "sample_number": number,
            "temperature": 1.0,
            "characters": len(snapshot.text),
            "hidden_state": "training",
            "top_p": 1.0,
            "stopped": False,
        }
        for number, record in enumerate(taken)
        if (snapshot := record.snapshot)
    ]
    return pa.Table.from_pylist(rows, report_schema.schema_of(report_schema.samples))


def table_of(columns: Sequence[Column], values: Mapping[str, Any], count: int) -> pa.Table:
    """A table of `count` rows, of arrays or of values that all rows have."""
    arrays = [
        found.cast(column.type)
        if isinstance(found := values[column.name], pa.Array | pa.ChunkedArray)
        else pa.repeat(pa.scalar(found, column.type), count)
        for column in columns
    ]
    return pa.Table.from_arrays(arrays, schema=report_schema.schema_of(tuple(columns)))


def text_column(vocabulary: Vocabulary, tokens: TokenArray, ends: NDArray[np.int64]) -> pa.Array:
    """Texts that stand one after the other in `tokens`, as they are written."""
    if vocabulary.unit == "byte":  # each text alone: bytes that are no UTF-8 become U+FFFD
        parts = np.split(tokens, ends[:-1])
        return pa.array([vocabulary.decode(part) for part in parts], pa.string())
    return adjacent_strings(vocabulary.code_points[tokens], ends)
