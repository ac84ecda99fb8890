"""The outcomes of a fleet: a Parquet file for each run of the flow, with a row for each model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from flows.storage import bounds
from flows.storage.parquet_columns import (
    Column,
    instant,
    number,
    optional,
    parquet_bytes,
    schema_of,
    text,
    texts,
    whole,
)
from flows.storage.stores import Store

fleet_format = 1
folder = "reports/fleet"

columns = (
    Column(
        "fleet_id",
        text,
        "Name of the file: when it was written, and the start of the flow run's id",
    ),
    Column("schema_version", pa.int32(), "Version of these columns"),
    Column("created_at", instant, "When the file was written"),
    Column("model", text, "Name of the model"),
    Column("place", text, "Where the model is in the table, such as row 3 or line 4"),
    Column(
        "outcome",
        text,
        "promoted or rejected (decided in this run), unchanged, failed, or cancelled (also where the"
        " run was cancelled before it came to the model)",
    ),
    optional("version", whole, "Number of the decision in the model's registry"),
    optional("decision", text, "promoted or rejected: what that decision was, now or before"),
    optional("reason", text, "Why, in a sentence"),
    optional(
        "held_out_bits_before",
        number,
        "Bits per character of the champion that the checkpoint was compared with, on the same text;"
        " null where nothing was decided in this run, or there was no champion",
    ),
    optional(
        "held_out_bits_after", number, "Bits per character of the checkpoint on its held-out text"
    ),
    optional(
        "gain",
        number,
        "Bits per character that the checkpoint is better by than that champion, on the characters"
        " that both know; null where nothing was decided in this run, or there was no champion",
    ),
    Column("warnings", texts, "What the decision of this run warned of, a sentence each"),
    Column("seconds", number, "Time that the model took, with what it waited for others"),
    optional("characters", whole, "Characters of its text"),
    optional("bytes", whole, "Size of the checkpoints of its run that are kept in the store"),
    optional("error", text, "Why it failed or was not trained, in a sentence"),
    optional("run_id", text, "Training run, as in models/<model>/runs/<run_id>"),
    optional("checkpoint_digest", text, "SHA-256 of the checkpoint that was decided about"),
    optional("dataset_id", text, "Dataset of its text, as in datasets/<dataset_id>"),
    optional(
        "flow_run_id", text, "Run of retrain in Prefect; null where a look found it unchanged"
    ),
)
schema = schema_of(columns, fleet_format)


def write(
    store: Store, fleet_id: str, month: str, rows: Iterable[Mapping[str, Any]], now: datetime
) -> str:
    """Write the file of a run of the flow, whole or not at all; where it is."""
    shared = {"fleet_id": fleet_id, "schema_version": fleet_format, "created_at": now}
    data = parquet_bytes(pa.Table.from_pylist([shared | dict(row) for row in rows], schema=schema))
    path = f"{folder}/{month}/{fleet_id}.parquet"
    bounds.check(store.location(path), len(data), bounds.report)
    store.put_stream(path, [data], private=False)
    return store.location(path)
