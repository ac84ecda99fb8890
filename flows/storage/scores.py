"""Scores of texts: one Parquet file for each text and checkpoint, and a record of what is in it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import ObjectMissing, UnknownObject
from flows.storage.documents import Document, create_document, load_document
from flows.storage.log import Log
from flows.storage.parquet_columns import Column, instant, number, schema_of, text, whole
from flows.storage.runs import run_folder
from flows.storage.stores import Store

score_format = 1
most_text = 1000  # characters of a row that are kept

about_score = (
    Column("score_id", text, "Name of the scores; equal for equal checkpoint, text and options"),
    Column("schema_version", pa.int32(), "Version of these columns, and of how texts are scored"),
    Column("model", text, "Name of the model"),
    Column("run_id", text, "Training run, as in models/<model>/runs/<run_id>"),
    Column("version", whole, "Number of the checkpoint's version in the registry", nullable=True),
    Column("checkpoint_digest", text, "SHA-256 of the checkpoint's payload, which is its name"),
    Column("created_at", instant, "When the scores were written"),
)
about_row = (
    Column("file", text, "Address of the file, without secrets"),
    Column("number", whole, "Number of the line, document or window in its file, from 1"),
    Column("start", whole, "Characters of the file before the row"),
    Column("characters", whole, "Length of the row in characters, without its line end"),
    Column(
        "nats_per_character",
        number,
        "Mean cross entropy of its characters and its line end, in nats",
        nullable=True,
    ),
    Column("unknown", whole, "Characters that the model does not know"),
    Column("span_start", whole, "Where span begins in the row, from 0", nullable=True),
    Column("span", text, "The adjacent characters that surprise the model most", nullable=True),
    Column("span_nats_per_character", number, "Mean nats of these characters", nullable=True),
    Column(
        "is_surprising",
        pa.bool_(),
        "Whether nats_per_character is above the threshold; null without a threshold",
        nullable=True,
    ),
    Column("text", text, f"The row, its first {most_text:,} characters"),
)
columns = (*about_score, *about_row)
schema = schema_of(columns, score_format)
repeated = [column.name for column in about_score] + ["file"]  # kept once for many rows
numeric = [field.name for field in schema if not pa.types.is_string(field.type)]


class SurprisingRow(BaseModel):
    """One of the most surprising rows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    file: str
    number: int
    nats_per_character: float
    span: str
    text: str


class ScoreRecord(Document):
    """What is in a file of scores; written after it, so that the file is whole where this is."""

    what: ClassVar[str] = "a record of scores"
    newest_format: ClassVar[int] = score_format
    most: ClassVar[int] = 1 << 20

    score_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    path: str  # in the store
    rows: int
    characters: int  # that were scored
    nats_per_character: float
    unknown: int
    threshold: float | None  # nats per character
    is_derived: bool  # the threshold, from held-out text
    surprising: int  # rows above it
    worst: tuple[SurprisingRow, ...]  # the highest first

    @property
    def name(self) -> str:
        return self.score_id

    @property
    def share(self) -> float:
        """Of the rows, those that are surprising."""
        return self.surprising / self.rows


class ScoredCheckpoint(NamedTuple):
    """The checkpoint that a text is scored with."""

    model: str
    run_id: str
    version: int | None
    digest: str


def score_path(store: Store, checkpoint: ScoredCheckpoint, score_id: str) -> str:
    """Path of a file of scores, in the folder of the month in which its checkpoint was written."""
    model, run_id, _, digest = checkpoint
    log = Log(store, f"{run_folder(model, run_id)}/log").list_records()
    for record in log.newest_first("checkpoint"):
        if record.content.get("digest") == digest:
            return f"reports/scores/{model}/{record.created_at[:7]}/{score_id}.parquet"
    raise UnknownObject(f"run {run_id} of model {model} has no record of checkpoint {digest[:12]}")


def find(store: Store, model: str, score_id: str) -> ScoreRecord | None:
    """The record of scores that are in the store; None where there are none, or no file."""
    try:
        record = load_document(store, _record_path(model, score_id), ScoreRecord, score_id)
    except ObjectMissing:
        return None
    folder, _, name = record.path.rpartition("/")
    return record if name in store.names(folder) else None


def save(store: Store, model: str, record: ScoreRecord) -> ScoreRecord:
    """Record scores whose file is written; the record that exists already stays."""
    return create_document(store, _record_path(model, record.score_id), record)


def write(store: Store, path: str, tables: Iterable[pa.Table]) -> None:
    """Write a file of scores as its rows come, each table a group of rows; whole or not at all."""
    store.put_stream(path, _pieces(tables), private=False)


def _pieces(tables: Iterable[pa.Table]) -> Iterator[bytes]:
    """The bytes of a Parquet file, those of a group of rows at a time."""
    sink = _Sink()
    with pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=repeated,
        write_statistics=numeric,
        write_page_checksum=True,
    ) as writer:
        for table in tables:
            writer.write_table(table, row_group_size=max(1, len(table)))
            yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file whose bytes are taken away as they are written."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self._size = 0

    def writable(self) -> bool:
        """As files are."""
        return True

    def tell(self) -> int:
        """Bytes that were written."""
        return self._size

    def write(self, data: Any) -> int:
        """Keep `data` until they are taken."""
        self._parts.append(bytes(data))
        self._size += len(data)
        return len(data)

    def take(self) -> bytes:
        """All bytes since the last call."""
        taken, self._parts = b"".join(self._parts), []
        return taken


def _record_path(model: str, score_id: str) -> str:
    return f"models/{model}/scores/{score_id}.json"
