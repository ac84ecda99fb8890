"""Sample reports: one Parquet file a report, one row a sample; and the log of what was written."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import DamagedObject, UnknownObject
from flows.storage import bounds
from flows.storage.canonical import digest
from flows.storage.damage import read_again_if_damaged, removable
from flows.storage.log import Listing, Log, Record
from flows.storage.report_table import columns, parse_report, report_format, schema
from flows.storage.stores import Store, create_or_read

__all__ = ["columns", "report_format", "schema"]  # what a report's file is

report_folder = "reports/samples"


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
    run_id: str | None = None  # None, as of the digest: written before the log named them
    checkpoint_digest: str | None = None


def report_path(model: str, report_id: str) -> str:
    """Path of a report in the store."""
    return f"{report_folder}/{model}-{report_id}.parquet"


def exists(store: Store, model: str, report_id: str) -> bool:
    """Whether the report was written."""
    folder, _, name = report_path(model, report_id).rpartition("/")
    return name in store.names(folder)


def planned(name: str, *, rows: int, file: int, table: int) -> tuple[bounds.Planned, ...]:
    """A report with so many rows, bytes in its file and bytes in memory, and what is read back."""
    advice = "make samples_each, the length of samples or the priming text smaller"
    return (
        bounds.Planned(name, rows, bounds.report_rows, "rows", advice),
        bounds.Planned(name, file, bounds.report, "bytes", advice),
        bounds.Planned(f"the table of {name}", table, bounds.report_table, "bytes", advice),
    )


def save(store: Store, shared: SharedValues, rows: list[Row]) -> None:
    """Write a report whole, then its manifest; one that exists already is left as it is."""
    model, report_id = shared.model, shared.report_id
    records = [shared._asdict() | row._asdict() | {"characters": len(row.text)} for row in rows]
    buffer = io.BytesIO()
    table = pa.Table.from_pylist(records, schema=schema)
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    data, path = buffer.getvalue(), report_path(model, report_id)
    sizes = {"rows": len(rows), "file": len(data), "table": table.nbytes}
    for part in planned(store.location(path), **sizes):
        part.check()

    def complete_existing() -> bool | None:
        return complete(store, model, report_id) or None

    if create_or_read(store, path, data, complete_existing, private=False) is None:
        _add_manifest(store, model, report_id, data, table)


def complete(store: Store, model: str, report_id: str) -> bool:
    """Whether a report exists; its manifest is added if its writer was killed before it could."""
    if not exists(store, model, report_id):
        return False
    if not manifest(store, model, report_id):
        data, table = _load(store, model, report_id, None)
        _add_manifest(store, model, report_id, data, table)
    return True


def manifest(store: Store, model: str, report_id: str) -> ReportManifest | None:
    """The newest manifest of a report; corrupt ones are reported and skipped."""
    contents = _log(store, model).list_records().contents("report", ReportManifest)
    return next((found for _, found in contents if found.report_id == report_id), None)


def manifests(store: Store, model: str) -> list[ReportManifest]:
    """The newest manifest of each of a model's reports, in the order in which they were written."""
    contents = _log(store, model).list_records().contents("report", ReportManifest)
    newest: dict[str, ReportManifest] = {}
    for _, found in contents:
        newest.setdefault(found.report_id, found)
    return list(newest.values())[::-1]


def checkpoint_of(
    store: Store, model: str, report_id: str, known: ReportManifest | None = None
) -> tuple[str, str]:
    """Run and digest of the checkpoint that a report is about, by its manifest or its rows."""
    found = known or manifest(store, model, report_id)
    if found and found.run_id and found.checkpoint_digest:
        return found.run_id, found.checkpoint_digest
    if not exists(store, model, report_id):
        raise UnknownObject(f"model {model} has no report {report_id} in {store.url}")
    return _checkpoint_of(load(store, model, report_id))


def load(store: Store, model: str, report_id: str) -> pa.Table:
    """A report as a table, compared with its manifest if it has one."""
    return _load(store, model, report_id, manifest(store, model, report_id))[1]


def samples(store: Store, model: str, report_id: str) -> list[str]:
    """The texts of a report's samples."""
    rows = load(store, model, report_id).select(["kind", "text"]).to_pylist()
    return [row["text"] for row in rows if row["kind"] == "sample"]


@removable()
@read_again_if_damaged
def _load(
    store: Store, model: str, report_id: str, expected: ReportManifest | None
) -> tuple[bytes, pa.Table]:
    path = report_path(model, report_id)
    name, data = store.location(path), store.read(path, bounds.report)
    # Without a manifest, two readings that agree are all that can be asked for.
    if digest(data) != (expected.sha256 if expected else digest(store.read(path, len(data)))):
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    return data, parse_report(name, data, {"model": model, "report_id": report_id})


def _checkpoint_of(table: pa.Table) -> tuple[str, str]:
    """Run and digest of the last row: samples follow the snapshots, whose checkpoints are older."""
    (row,) = table.slice(max(0, table.num_rows - 1)).to_pylist() or [{}]
    return str(row.get("run_id", "")), str(row.get("checkpoint_digest", ""))


def _log(store: Store, model: str) -> Log:
    return Log(store, f"models/{model}/reports")


def _add_manifest(store: Store, model: str, report_id: str, data: bytes, table: pa.Table) -> None:
    """Append a report's manifest, unless another run has appended the same."""
    run_id, checkpoint_digest = _checkpoint_of(table)
    content = ReportManifest(
        report_id=report_id,
        path=report_path(model, report_id),
        sha256=digest(data),
        size=len(data),
        run_id=run_id,
        checkpoint_digest=checkpoint_digest,
    )

    def draft(listing: Listing) -> ReportManifest | Record:
        known = listing.contents("report", ReportManifest)
        return next((record for record, found in known if found == content), content)

    _log(store, model).update("report", draft)
