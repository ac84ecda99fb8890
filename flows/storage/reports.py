"""Sample reports: one Parquet file a report, one row a sample; and the log of what was written."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import DamagedObject
from flows.storage.canonical import digest
from flows.storage.damage import read_again_if_damaged, removable
from flows.storage.log import Listing, Log, Record
from flows.storage.stores import Store, create_or_read

report_format = 1
report_folder = "reports/samples"

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


class Row(NamedTuple):
    """One sample, without what all rows of its report share."""

    iteration: int
    checkpoint_digest: str
    kind: Literal["sample", "snapshot"]
    sample_number: int
    seed: int
    priming: str
    temperature: float
    text: str
    nats_per_character: float


class SharedValues(NamedTuple):
    """The values that all rows of a report have in common."""

    report_id: str
    model: str
    run_id: str
    dataset_id: str
    created_at: datetime  # UTC


class ReportManifest(BaseModel):
    """A report in the log."""

    model_config = ConfigDict(frozen=True)

    report_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    path: str  # in the store
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int  # bytes


def report_path(model: str, report_id: str) -> str:
    """Path of a report in the store."""
    return f"{report_folder}/{model}-{report_id}.parquet"


def exists(store: Store, model: str, report_id: str) -> bool:
    """Whether the report was written."""
    folder, _, name = report_path(model, report_id).rpartition("/")
    return name in store.names(folder)


def save(store: Store, shared: SharedValues, rows: list[Row]) -> None:
    """Write a report whole, then its manifest; one that exists already is left as it is."""
    model, report_id = shared.model, shared.report_id
    records = [shared._asdict() | row._asdict() | {"characters": len(row.text)} for row in rows]
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(records, schema=schema)
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    data, path = buffer.getvalue(), report_path(model, report_id)

    def complete_existing() -> bool | None:
        return complete(store, model, report_id) or None

    if create_or_read(store, path, data, complete_existing, private=False) is None:
        _add_manifest(store, model, report_id, data)


def complete(store: Store, model: str, report_id: str) -> bool:
    """Whether a report exists; its manifest is added if its writer was killed before it could."""
    if not exists(store, model, report_id):
        return False
    if not manifest(store, model, report_id):
        data, _ = _load(store, report_path(model, report_id), None)
        _add_manifest(store, model, report_id, data)
    return True


def manifest(store: Store, model: str, report_id: str) -> ReportManifest | None:
    """The newest manifest of a report; corrupt ones are reported and skipped."""
    contents = _log(store, model).list_records().contents("report", ReportManifest)
    return next((found for _, found in contents if found.report_id == report_id), None)


def load(store: Store, model: str, report_id: str) -> pa.Table:
    """A report as a table, compared with its manifest if it has one."""
    path = report_path(model, report_id)
    _, table = _load(store, path, manifest(store, model, report_id))
    return table


@removable()
@read_again_if_damaged
def _load(store: Store, path: str, expected: ReportManifest | None) -> tuple[bytes, pa.Table]:
    name = store.location(path)
    data = store.read(path)
    # Without a manifest, two readings that agree are all that can be asked for.
    if digest(data) != (expected.sha256 if expected else digest(store.read(path))):
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    try:
        file = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True)
        _check_counts(file.metadata)
        table = file.read()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DamagedObject(name, f"not a Parquet report ({reason})") from error
    if not table.schema.equals(schema):
        raise DamagedObject(name, "its columns are not those of a report")
    return data, table


def _log(store: Store, model: str) -> Log:
    return Log(store, f"models/{model}/reports")


def _add_manifest(store: Store, model: str, report_id: str, data: bytes) -> None:
    """Append a report's manifest, unless another run has appended the same."""
    path = report_path(model, report_id)
    content = ReportManifest(report_id=report_id, path=path, sha256=digest(data), size=len(data))

    def draft(listing: Listing) -> ReportManifest | Record:
        known = listing.contents("report", ReportManifest)
        return next((record for record, found in known if found == content), content)

    _log(store, model).update("report", draft)


def _check_counts(metadata: pq.FileMetaData) -> None:
    """Refuse a footer, which has no checksum, whose counts of rows do not agree."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    for group in groups:
        columns = {group.column(number).num_values for number in range(group.num_columns)}
        if columns != {group.num_rows}:
            raise ValueError(f"{group.num_rows} rows, but columns of {sorted(columns)}")
    if sum(group.num_rows for group in groups) != metadata.num_rows:
        raise ValueError(f"not the {metadata.num_rows} rows that it claims")
