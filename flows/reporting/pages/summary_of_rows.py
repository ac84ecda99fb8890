"""The numbers of a report by temperature: its summary, or what the rows of a report without one give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from flows.storage.report_schema import statistics

Summary = dict[str, Any]  # by column of `flows.storage.report_schema.summaries`
quantiles = {"nats_p10": 10, "nats_p50": 50, "nats_p90": 90}


def summaries_of_rows(table: pa.Table) -> list[Summary]:
    """A summary for each temperature, in order, from the columns that the rows have."""
    rows = table.filter(pc.equal(table["kind"], "sample"))
    at = rows["temperature"].to_numpy()
    return [_summary(rows, temperature, at == temperature) for temperature in np.unique(at)]


def _summary(rows: pa.Table, temperature: float, mask: NDArray[np.bool_]) -> Summary:
    some = rows.filter(pa.array(mask))
    nats = some["nats_per_character"].to_numpy()
    lengths = some["characters"].to_numpy()
    found = {
        "temperature": float(temperature),
        "samples": some.num_rows,
        "characters": int(lengths.sum()),
        "nats_per_character": float(nats @ lengths / max(int(lengths.sum()), 1)),
    }
    found |= {name: float(np.percentile(nats, share)) for name, share in quantiles.items()}
    for column in statistics:
        if column.name in some.column_names:
            reduce = pc.max if pa.types.is_integer(column.type) else pc.mean
            found[column.name] = reduce(some[column.name]).as_py()
    return found
