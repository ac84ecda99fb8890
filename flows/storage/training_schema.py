"""The columns of the tables of checkpoints and of decisions. Columns are only ever added."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

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

training_format = 1

checkpoints = (
    Column("model", text, "Name of the model"),
    Column("run_id", text, "Training run, as in models/<model>/runs/<run_id>"),
    Column("kind", text, "checkpoint: measured while training; evaluation: measured afterwards"),
    Column("iteration", whole, "Training iterations before the checkpoint"),
    optional("epoch", number, "The same in passes through the training text"),
    Column("time", instant, "When the record was written"),
    optional(
        "train_bits_per_character",
        number,
        "Bits per character: of a checkpoint the mean since the one before, of an evaluation those"
        " of the training text",
    ),
    optional("smooth_bits_per_character", number, "Smooth loss of the training, in bits"),
    optional("held_out_bits_per_character", number, "Bits per character on the held-out text"),
    optional("rule", text, "How the held-out text was read; numbers by different rules differ"),
    optional(
        "held_out_characters", whole, "Characters of it that an evaluation read; null for all"
    ),
    optional("characters_per_second", number, "Speed of the training since the checkpoint before"),
    Column("checkpoint_digest", text, "SHA-256 of the checkpoint's payload, which is its name"),
    Column("kept", pa.bool_(), "Whether the checkpoint is in the store, not removed by retention"),
    optional("dataset_id", text, "Dataset that the run trains on, as in datasets/<dataset_id>"),
    optional("parent_digest", text, "Checkpoint that the run started from; null for scratch"),
)
decisions = (
    Column("model", text, "Name of the model"),
    Column("number", whole, "Number of the decision; of the version, if it is no rollback"),
    Column("time", instant, "When it was decided"),
    Column("decision", text, "promoted, rejected or rolled_back, as it was decided"),
    Column("rolled_back_since", pa.bool_(), "Whether a later rollback took the version out"),
    Column("decided_by", text, "gate or hand"),
    Column("reason", text, "Why, in a sentence"),
    Column("note", text, "What the person wrote who decided; empty for the gate"),
    optional("bits_per_character", number, "Of the checkpoint on its run's held-out text"),
    optional("rule", text, "How that text was read; numbers by different rules differ"),
    optional("champion_before", whole, "Number of the version that it was compared with"),
    optional("champion_bits_per_character", number, "Of that version on the same text"),
    optional("champion_after", whole, "Number of the champion after the decision"),
    optional("to_version", whole, "Version that a rollback went to"),
    optional("gain", number, "Bits per character that it was better by than the champion before"),
    optional("standard_error", number, "Of the gain"),
    optional("held_out_characters", whole, "Characters that the gain was measured on"),
    optional("gain_on_champion_text", number, "The same gain on the champion's held-out text"),
    optional("lost_bits", number, "Lost on champions' texts since the last promotion by hand"),
    optional("copied_10", number, "Share of samples' substrings of 10 in the training text"),
    optional("copied_20", number, "The same for 20 characters"),
    optional("copied_40", number, "The same for 40 characters"),
    Column("warnings", texts, "What was warned of, a sentence each"),
    Column("run_id", text, "Training run, as in models/<model>/runs/<run_id>"),
    Column("iteration", whole, "Training iterations before the checkpoint"),
    Column("checkpoint_digest", text, "SHA-256 of the checkpoint's payload, which is its name"),
    optional("parent_digest", text, "Checkpoint that the run started from; null for scratch"),
    optional("dataset_id", text, "Dataset that the run trained on, as in datasets/<dataset_id>"),
    optional("characters", whole, "Characters of the dataset"),
    optional("vocabulary_size", whole, "Different characters that the model reads"),
    Column("corpus", texts, "Addresses that the dataset was read from, without secrets"),
)


def parquet(columns: tuple[Column, ...], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A table of these columns as a Parquet file."""
    schema = schema_of(columns, training_format)
    return parquet_bytes(pa.Table.from_pylist(list(rows), schema=schema))
