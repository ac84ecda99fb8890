"""Sweeps: one Parquet file each, a row for each cell and rung; drawn from the logs of the runs."""

from __future__ import annotations

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
    whole,
)
from flows.storage.stores import Store

sweep_format = 1

columns = (
    Column("sweep_id", text, "Name of the sweep; equal for equal cells, rungs and text"),
    Column("schema_version", pa.int32(), "Version of these columns"),
    Column("model", text, "Name of the model"),
    Column("dataset_id", text, "The text, as in datasets/<dataset_id>"),
    Column("cell", whole, "Number of the cell, from 1"),
    Column("rung", whole, "Number of the rung, from 1"),
    Column("run_id", text, "The cell's run; cells that ask for the same run share it"),
    Column(
        "state",
        text,
        "chosen (judged for promotion), finished (the last rung), went_on (to the next rung), stopped"
        " (not among the best of this rung) or failed",
    ),
    optional("iterations", whole, "That were trained by then"),
    optional("epochs", number, "Passes through the training text by then"),
    optional(
        "bits_per_character_even",
        number,
        "On the held-out blocks of even digest, by which cells are compared",
    ),
    optional(
        "bits_per_character_odd",
        number,
        "On the held-out blocks of odd digest, of the chosen one alone",
    ),
    optional("seconds", number, "Of training up to there"),
    optional("characters_per_second", number, "That were trained"),
    Column("parameters", whole, "Weights and biases of the network"),
    optional("checkpoint_digest", text, "SHA-256 of the checkpoint's payload"),
    optional("time", instant, "When that checkpoint was written"),
    optional("error", text, "Why the cell failed"),
    Column("options", text, "All options of the training and the seed, as JSON"),
)
kinds: dict[type, pa.DataType] = {bool: pa.bool_(), int: whole, float: number}


def write(store: Store, path: str, varied: list[str], rows: list[dict[str, Any]]) -> str:
    """Write a sweep's file, unless it is there with the same rows; its address.

    `varied` are the names of the options that have a column of their own.
    """
    own = tuple(optional(name, _kind(name, rows), "This option") for name in varied)
    schema = schema_of((*columns, *own), sweep_format)
    table = pa.table({f.name: _values(f, rows) for f in schema}, schema)
    data = parquet_bytes(table)
    bounds.check(store.location(path), len(data), bounds.report)
    folder, _, name = path.rpartition("/")
    if name not in store.names(folder) or store.read(path, bounds.report) != data:
        store.replace(path, data)
    return store.location(path)


def _kind(name: str, rows: list[dict[str, Any]]) -> pa.DataType:
    """The type of an option's column: that of its values, text where these are of several."""
    found = {type(row[name]) for row in rows if row[name] is not None}
    return kinds.get(found.pop(), text) if len(found) == 1 else text


def _values(field: pa.Field, rows: list[dict[str, Any]]) -> pa.Array:
    values = [row.get(field.name) for row in rows]
    if field.type == text:
        values = [value if value is None else str(value) for value in values]
    return pa.array(values, field.type)
