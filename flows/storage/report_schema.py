"""The columns of sample reports and of their summaries, by version. Columns are only ever added."""

from __future__ import annotations

import pyarrow as pa

from flows.storage import parquet_columns
from flows.storage.parquet_columns import Column, instant, number, text, whole

report_format = 2


about_checkpoint = (
    Column("report_id", text, "Name of the report; equal for equal checkpoint and options"),
    Column("model", text, "Name of the model"),
    Column("run_id", text, "Training run, as in models/<model>/runs/<run_id>"),
    Column("dataset_id", text, "Dataset that the run trained on, as in datasets/<dataset_id>"),
    Column("iteration", whole, "Training iterations before the checkpoint"),
    Column("checkpoint_digest", text, "SHA-256 of the checkpoint's payload, which is its name"),
)
about_report = (
    Column("created_at", instant, "When the report was written"),
    Column("schema_version", pa.int32(), "Version of these columns, and of how samples are drawn"),
    Column("version", whole, "Number of the checkpoint's version in the registry", nullable=True),
    Column("corpus", text, "Addresses that the dataset was read from, without secrets"),
    Column(
        "held_out_bits_per_character",
        number,
        "Bits per character of the checkpoint on its run's held-out text",
        nullable=True,
    ),
    Column(
        "week",
        text,
        "ISO week of the report, such as 2026-W48, where sampling.always was set",
        nullable=True,
    ),
)
statistics = (
    Column(
        "copied_10",
        number,
        "Share of substrings of 10 characters that stand in the training text",
        nullable=True,
    ),
    Column("copied_20", number, "The same for 20 characters", nullable=True),
    Column("copied_40", number, "The same for 40 characters", nullable=True),
    Column(
        "longest_copied",
        pa.int32(),
        "Characters of the longest substring that stands in the training text",
        nullable=True,
    ),
    Column("distinct_1", number, "Different words divided by all words of a sample", nullable=True),
    Column("distinct_2", number, "The same for pairs of adjacent words", nullable=True),
    Column(
        "words_in_corpus", number, "Share of words that stand in the training text", nullable=True
    ),
    Column(
        "repetition",
        number,
        "Share of substrings of 10 characters that occurred earlier in the same sample",
        nullable=True,
    ),
)
samples = (
    *about_checkpoint,
    Column(
        "kind",
        text,
        "sample: of the report's checkpoint; snapshot: of the training's hidden state and next input",
    ),
    Column(
        "sample_number", pa.int32(), "Number of the sample among those of its grid cell, from 0"
    ),
    Column("seed", whole, "Seed of the sample's random numbers"),
    Column(
        "priming",
        text,
        "Text that the network read first, as it was given; empty: the training text's first"
        " character, or its next where hidden_state is training; not part of text",
    ),
    Column("temperature", number, "Divisor of the scores; 0 always takes the likeliest character"),
    Column("text", text, "The generated text"),
    Column("characters", pa.int32(), "Length of text in characters (code points)"),
    Column(
        "nats_per_character",
        number,
        "Mean cross entropy of text under the network itself at temperature 1, in nats",
    ),
    *about_report,
    Column("hidden_state", text, "Hidden state before the priming text: zeros or training"),
    Column("top_k", pa.int32(), "Drawn from so many of the likeliest characters", nullable=True),
    Column("top_p", number, "Drawn from the likeliest characters that have this probability"),
    Column("stopped", pa.bool_(), "Whether the stop text ended it"),
    Column("nats_p10", number, "Tenth percentile of the nats of its characters", nullable=True),
    Column("nats_p50", number, "Median of the nats of its characters", nullable=True),
    Column("nats_p90", number, "Ninetieth percentile of the nats of its characters", nullable=True),
    *statistics,
)
of_first_format = samples[: samples.index(about_report[0]) + 1]  # files of format 1
summaries = (
    *about_checkpoint,
    *about_report,
    Column("temperature", number, "Temperature of the samples that the row sums up"),
    Column("samples", whole, "Number of samples at this temperature"),
    Column("characters", whole, "Characters of all of them"),
    Column("stopped", number, "Share that the stop text ended"),
    Column("nats_per_character", number, "Mean nats of a character"),
    Column("nats_p10", number, "Tenth percentile of the samples' nats per character"),
    Column("nats_p50", number, "Median of the samples' nats per character"),
    Column("nats_p90", number, "Ninetieth percentile of the samples' nats per character"),
    *statistics,
    *(
        column._replace(
            name=f"held_out_{column.name}", meaning=f"{column.meaning}: of the held-out text"
        )
        for column in statistics
    ),
)


def schema_of(columns: tuple[Column, ...], version: int = report_format) -> pa.Schema:
    """The schema of a file of reports with these columns."""
    return parquet_columns.schema_of(columns, version)
