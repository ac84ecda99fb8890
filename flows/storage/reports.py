"""Reports of samples as Parquet files, with a summary each; and the log of what was written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import DamagedObject, ObjectMissing, StoreError, UnknownObject
from flows.storage import bounds, report_schema
from flows.storage.canonical import digest
from flows.storage.damage import read_again_if_damaged, removable
from flows.storage.log import Listing, Log, Record
from flows.storage.parquet_columns import Column, parquet_bytes
from flows.storage.report_files import (
    ReportPlace,
    is_there,
    path_of_first_format,
    sample_paths,
    summary_folder,
    summary_path,
)
from flows.storage.report_table import parse_report, read_identity
from flows.storage.stores import Store, create_or_read

shown_samples = 1000
advice = "make samples_each, the length of samples or the priming text smaller"


class ReportManifest(BaseModel):
    """A file of a report in the log."""

    model_config = ConfigDict(frozen=True)

    report_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    path: str  # in the store
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int  # bytes
    run_id: str | None = None  # None, as of the digest: written before the log named them
    checkpoint_digest: str | None = None


class Description(NamedTuple):
    """What is there of a report."""

    url: str  # of its first file
    rows: int  # of all of them
    first: pa.Table  # its first samples


def exists(store: Store, place: ReportPlace) -> bool:
    """Whether the report was written, all of it; also as one of format 1."""
    # The other folder has a name for each model of the store: it is looked at last.
    old = path_of_first_format(place.model, place.report_id)
    return is_there(store, place.summary) or is_there(store, old)


def check_complete(store: Store, place: ReportPlace, about: tuple[str, str]) -> bool:
    """Whether all files of a report exist; `DamagedObject` for one that is of another checkpoint."""
    if not exists(store, place):
        return False
    paths = sample_paths(store, place.model, place.report_id)
    if len(paths) != 1 and paths != [place.samples(number) for number in range(len(paths) or 1)]:
        return False  # one was removed since
    if not is_there(store, place.summary):
        return check_saved(store, place, paths[0], about)  # of format 1
    return all(check_saved(store, place, path, about) for path in (*paths, place.summary))


def planned(name: str, *, rows: int, file: int, table: int) -> tuple[bounds.Planned, ...]:
    """A file with so many rows, bytes in it and bytes in memory, and what is read back."""
    return (
        bounds.Planned(name, rows, bounds.report_rows, "rows", advice),
        bounds.Planned(name, file, bounds.report, "bytes", advice),
        bounds.Planned(f"the table of {name}", table, bounds.report_table, "bytes", advice),
    )


def save(
    store: Store, place: ReportPlace, path: str, table: pa.Table, places: pa.Table | None = None
) -> None:
    """Write a file of a report whole, then its manifest; one that exists already is left as it is.

    `path` is one of `place`; `table` has all columns of samples or of summaries. One that exists is
    compared as `check_saved` does.
    """
    data = parquet_bytes(table)
    sizes = {"rows": table.num_rows, "file": len(data), "table": table.nbytes}
    for part in planned(store.location(path), **sizes):
        part.check()

    def complete_existing() -> bool | None:
        return check_saved(store, place, path, _about(table), places) or None

    if create_or_read(store, path, data, complete_existing, private=False) is None:
        _add_manifest(store, place, path, data, _about(table))


@removable()
@read_again_if_damaged
def check_saved(
    store: Store,
    place: ReportPlace,
    path: str,
    about: tuple[str, str],
    places: pa.Table | None = None,
) -> bool:
    """Whether a file of a report exists; its manifest is added if its writer was killed before it.

    `DamagedObject` where its run and checkpoint are not those of `about`, or its samples others
    than `places`.
    """
    if not is_there(store, path):
        return False
    name, known = store.location(path), manifest(store, place.model, path)
    data = _verified(store, path, known)
    expected = {"model": place.model, "report_id": place.report_id, "run_id": about[0]}
    table = read_identity(name, data, expected, _columns_at(path), places)
    if (found := _about(table)) != about:
        raise DamagedObject(name, f"its checkpoint is {found[1][:64]!r}, expected {about[1]!r}")
    if known is None:
        _add_manifest(store, place, path, data, about)
    return True


def manifest(store: Store, model: str, path: str) -> ReportManifest | None:
    """The newest manifest of a file; corrupt ones are reported and skipped."""
    contents = _log(store, model).list_records().contents("report", ReportManifest)
    return next((found for _, found in contents if found.path == path), None)


def manifests(store: Store, model: str) -> list[ReportManifest]:
    """The newest manifest of each file of a model's reports, in the order in which they were written."""
    contents = _log(store, model).list_records().contents("report", ReportManifest)
    newest: dict[str, ReportManifest] = {}
    for _, found in contents:
        newest.setdefault(found.path, found)
    return list(newest.values())[::-1]


def checkpoint_of(
    store: Store, model: str, report_id: str, known: ReportManifest | None = None
) -> tuple[str, str]:
    """Run and digest of the checkpoint that a report is about, by its manifest or its rows."""
    if known is None:
        named = (found for found in manifests(store, model) if found.report_id == report_id)
        known = next(named, None)
    if known and known.run_id and known.checkpoint_digest:
        return known.run_id, known.checkpoint_digest
    return _about(next(parts(store, model, report_id)))


def load(store: Store, model: str, report_id: str) -> pa.Table:
    """The samples of a report as a table, compared with its manifests.

    `StoreError` for one that is too large to be read at once: read it by `parts`.
    """
    tables, size = [], 0
    for table in parts(store, model, report_id):
        tables.append(table)
        if (size := size + table.nbytes) > bounds.report_table:
            raise StoreError(
                f"report {report_id} has more than {bounds.report_table:,} bytes: read it part by"
                " part, or with SQL"
            )
    return pa.concat_tables(tables)


def parts(
    store: Store, model: str, report_id: str, names: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """The files of a report's samples as tables, one after the other; snapshots come first.

    Of each only the columns of these `names` are read, if they are given.
    """
    paths = sample_paths(store, model, report_id)
    if not paths:
        raise UnknownObject(f"model {model} has no report {report_id} in {store.url}")
    for path in paths:
        yield _load(store, model, report_id, path, names)


def load_summary(store: Store, model: str, report_id: str) -> pa.Table:
    """The summary of a report, one row a temperature; reports of format 1 have none."""
    if (path := summary_path(store, model, report_id)) is None:
        raise ObjectMissing(f"report {report_id} of model {model} has no summary in {store.url}")
    return _load(store, model, report_id, path)


def describe(store: Store, model: str, report_id: str) -> Description:
    """Where a report is, how large, and its first samples."""
    paths, first = sample_paths(store, model, report_id), next(parts(store, model, report_id))
    is_sample = pc.equal(first["kind"], "sample")
    rows, own = first.num_rows, pc.sum(is_sample).as_py() or 0
    if len(paths) > 1:
        summary = load_summary(store, model, report_id)
        rows += pc.sum(summary["samples"]).as_py() - own
    shown = first.filter(is_sample).slice(0, shown_samples)
    return Description(store.location(paths[0]), rows, shown)


def samples(store: Store, model: str, report_id: str) -> list[str]:
    """The texts of a report's samples, of its first file."""
    table = next(parts(store, model, report_id, ["kind", "text"]))
    return [row["text"] for row in table.to_pylist() if row["kind"] == "sample"]


@removable()
@read_again_if_damaged
def _load(
    store: Store, model: str, report_id: str, path: str, names: Sequence[str] | None = None
) -> pa.Table:
    data = _verified(store, path, manifest(store, model, path))
    expected = {"model": model, "report_id": report_id}
    return parse_report(store.location(path), data, expected, _columns_at(path), names)


def _verified(store: Store, path: str, expected: ReportManifest | None) -> bytes:
    """The bytes of a file that its manifest names."""
    data = store.read(path, bounds.report)
    # Without a manifest, two readings that agree are all that can be asked for.
    if digest(data) != (expected.sha256 if expected else digest(store.read(path, len(data)))):
        raise DamagedObject(store.location(path), "sha256 mismatch, bytes were altered")
    return data


def _columns_at(path: str) -> tuple[Column, ...]:
    is_summary = path.startswith(f"{summary_folder}/")
    return report_schema.summaries if is_summary else report_schema.samples


def _about(table: pa.Table) -> tuple[str, str]:
    """Run and digest of the last row: samples follow the snapshots, whose checkpoints are older."""
    last = table.select(["run_id", "checkpoint_digest"]).slice(max(0, table.num_rows - 1))
    (row,) = last.to_pylist() or [{}]
    return str(row.get("run_id", "")), str(row.get("checkpoint_digest", ""))


def _log(store: Store, model: str) -> Log:
    return Log(store, f"models/{model}/reports")


def _add_manifest(
    store: Store, place: ReportPlace, path: str, data: bytes, about: tuple[str, str]
) -> None:
    """Append the manifest of a file, unless another run has appended the same."""
    content = ReportManifest(
        report_id=place.report_id,
        path=path,
        sha256=digest(data),
        size=len(data),
        run_id=about[0],
        checkpoint_digest=about[1],
    )

    def draft(listing: Listing) -> ReportManifest | Record:
        known = listing.contents("report", ReportManifest)
        return next((record for record, found in known if found == content), content)

    _log(store, place.model).update("report", draft)
