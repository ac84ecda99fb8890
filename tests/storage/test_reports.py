"""A report is one Parquet file that people, DuckDB and pyarrow read alike."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.exceptions import DamagedObject, ObjectMissing, StoreError
from flows.storage import reports
from flows.storage.log import Log
from flows.storage.stores import Store
from tests.support.damage import reported
from tests.support.reports import rows, shared
from tests.support.stores import PassingStore, flipped, overwrite

path = reports.report_path(shared.model, shared.report_id)
types = {
    "report_id": pa.string(),
    "model": pa.string(),
    "run_id": pa.string(),
    "dataset_id": pa.string(),
    "iteration": pa.int64(),
    "checkpoint_digest": pa.string(),
    "kind": pa.string(),
    "sample_number": pa.int32(),
    "seed": pa.int64(),
    "priming": pa.string(),
    "temperature": pa.float64(),
    "text": pa.string(),
    "characters": pa.int32(),
    "nats_per_character": pa.float64(),
    "created_at": pa.timestamp("us", tz="UTC"),
}


def test_a_report_comes_back(store: Store) -> None:
    """Every value of every row, with its length in characters."""
    reports.save(store, shared, rows)
    table = reports.load(store, shared.model, shared.report_id)
    expected = [shared._asdict() | row._asdict() | {"characters": len(row.text)} for row in rows]

    assert expected == table.to_pylist()


def test_a_report_is_where_the_design_says(local: Store) -> None:
    """One file, named by model and report."""
    reports.save(local, shared, rows)

    assert ["default-0123456789abcdef.parquet"] == local.names("reports/samples")


def test_columns_have_their_types_and_are_never_null(local: Store) -> None:
    """In the file itself, for every reader."""
    reports.save(local, shared, rows)
    schema = pq.read_schema(local.location(path))

    assert types == {field.name: field.type for field in schema}
    assert [] == [field.name for field in schema if field.nullable]


def test_every_column_has_a_description(local: Store) -> None:
    """A reader who has nothing but the file learns what it holds."""
    reports.save(local, shared, rows)
    described = {field.name: field.metadata for field in pq.read_schema(local.location(path))}

    assert set(types) == set(described)
    for metadata in described.values():
        assert len(metadata[b"description"]) > 10


def test_the_file_says_its_format(local: Store) -> None:
    """So that a later program knows how to read it."""
    reports.save(local, shared, rows)

    assert b"1" == pq.read_schema(local.location(path)).metadata[b"report_format"]


def test_columns_are_compressed_with_zstd(local: Store) -> None:
    """Samples repeat themselves."""
    reports.save(local, shared, rows)
    group = pq.read_metadata(local.location(path)).row_group(0)

    assert {"ZSTD"} == {group.column(n).compression for n in range(group.num_columns)}


def test_duckdb_reads_a_report(local: Store) -> None:
    """With the same values and sensible types."""
    reports.save(local, shared, rows)
    query = f"select text, characters, created_at, seed from '{local.location(path)}'"
    with duckdb.connect() as connection:
        result = connection.execute(query)
        kinds = [column[1] for column in result.description or ()]
        found = result.fetchall()

    assert ["VARCHAR", "INTEGER", "TIMESTAMP WITH TIME ZONE", "BIGINT"] == kinds
    assert [(row.text, len(row.text), row.seed) for row in rows] == [
        (text, characters, seed) for text, characters, _, seed in found
    ]
    assert {shared.created_at} == {created_at for _, _, created_at, _ in found}


def test_pyarrow_reads_a_folder_of_reports_as_one_table(local: Store) -> None:
    """Reports are a dataset."""
    reports.save(local, shared, rows)
    reports.save(local, shared._replace(report_id="f" * 16), rows[:2])
    table = pq.read_table(Path(local.location("reports/samples")))

    assert len(rows) + 2 == table.num_rows


def test_a_report_without_rows_is_a_report(store: Store) -> None:
    """Its columns are there."""
    reports.save(store, shared, [])
    table = reports.load(store, shared.model, shared.report_id)

    assert (0, list(types)) == (table.num_rows, table.column_names)


def test_whether_a_report_exists_is_known(store: Store) -> None:
    """By model and id."""
    assert not reports.exists(store, shared.model, shared.report_id)
    reports.save(store, shared, rows)

    assert reports.exists(store, shared.model, shared.report_id)
    assert not reports.exists(store, "other", shared.report_id)


def test_a_report_is_written_once(store: Store) -> None:
    """A second save, at another time, leaves the bytes as they are."""
    reports.save(store, shared, rows)
    before = store.read(path)
    later = shared._replace(created_at=shared.created_at + timedelta(days=1))
    reports.save(store, later, rows)

    assert before == store.read(path)


@pytest.mark.parametrize("written", [True, False])
def test_a_lost_reply_is_told_from_a_failed_write(store: Store, written: bool) -> None:
    """What lies there decides."""

    class FaultyStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if written:
                super().create(path, data, private=private)
            raise StoreError("timed out")

    if written:
        reports.save(FaultyStore(store), shared, rows)
    else:
        with pytest.raises(StoreError, match="timed out"):
            reports.save(FaultyStore(store), shared, rows)

    assert written == reports.exists(store, shared.model, shared.report_id)


def test_a_value_of_the_wrong_kind_writes_nothing(store: Store) -> None:
    """A report is whole before a byte of it is written."""
    with pytest.raises(pa.ArrowException):
        reports.save(store, shared, [rows[0]._replace(iteration="many")])  # type: ignore[arg-type]
    assert not reports.exists(store, shared.model, shared.report_id)


def test_a_missing_report_is_named(store: Store) -> None:
    """With the place where it was looked for."""
    with pytest.raises(ObjectMissing, match=f"{path}$"):
        reports.load(store, shared.model, shared.report_id)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"<html>" * 99, b"PAR1" + bytes(100) + b"PAR1"], ids=repr
)
def test_a_file_that_is_no_report_is_refused(store: Store, data: bytes) -> None:
    """It is named, on one line."""
    store.put(path, data)

    with pytest.raises(DamagedObject, match=f"{path}: not a Parquet report") as caught:
        reports.load(store, shared.model, shared.report_id)
    assert 1 == len(str(caught.value).splitlines())


def test_a_table_of_other_columns_is_refused(local: Store) -> None:
    """Parquet, but no report."""
    local.put("reports/samples/x", b"")
    pq.write_table(pa.table({"text": ["a"]}), local.location(path))

    with pytest.raises(DamagedObject, match="its columns are not those of a report"):
        reports.load(local, shared.model, shared.report_id)


def test_damage_is_refused_or_changes_nothing(local: Store) -> None:
    """Truncations always; a flipped bit may lie where nothing is read, but no value ever changes."""
    reports.save(local, shared, rows)
    data = local.read(path)
    expected = reports.load(local, shared.model, shared.report_id).to_pylist()
    damaged = [flipped(data, at, at % 8) for at in range(0, len(data), 19)]
    damaged += [data[:length] for length in range(0, len(data), 101)]
    refused = 0
    for wrong in damaged:
        overwrite(local, path, wrong)
        try:
            found = reports.load(local, shared.model, shared.report_id).to_pylist()
        except DamagedObject:
            refused += 1
        else:
            assert expected == found

    assert refused > len(range(0, len(data), 101))


def test_documented_schema_is_the_schema() -> None:
    """docs/report-schema.md has a row for each column, in the file's order."""
    page = Path(__file__).parents[2] / "docs" / "report-schema.md"
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| `")]

    named = [row[1].strip().strip("`") for row in rows]
    assert [name for name, *_ in reports.columns] == named


def test_rows_that_vanish_are_noticed(local: Store) -> None:
    """The footer has no checksum of its own, so its counts are compared."""
    reports.save(local, shared, rows)
    sound, expected = local.read(path), reports.load(local, shared.model, shared.report_id)
    count = 2 * len(rows)  # as Thrift writes it
    places = [place for place, byte in enumerate(sound) if byte == count]
    assert places

    for place in places:
        overwrite(local, path, flipped(sound, place, bit=1))
        try:
            found = reports.load(local, shared.model, shared.report_id)
        except DamagedObject:
            continue
        assert found.equals(expected)


def manifests(store: Store) -> list[dict[str, object]]:
    """What the log says of reports, oldest first."""
    records = Log(store, f"models/{shared.model}/reports").list_records().newest_first("report")
    return [record.content for record in records][::-1]


def noted(store: Store, report_id: str = shared.report_id) -> dict[str, object]:
    """What the log should say of a report."""
    where = reports.report_path(shared.model, report_id)
    data = store.read(where)
    sha256 = hashlib.sha256(data).hexdigest()
    return {"report_id": report_id, "path": where, "sha256": sha256, "size": len(data)}


def test_a_report_is_noted_in_its_models_log(store: Store) -> None:
    """With the digest of its bytes; once, however often it is asked for."""
    assert not reports.complete(store, shared.model, shared.report_id)
    reports.save(store, shared, rows)
    reports.save(store, shared, rows)

    assert reports.complete(store, shared.model, shared.report_id)
    assert [noted(store)] == manifests(store)


def test_a_report_whose_writer_was_killed_is_noted_later(store: Store) -> None:
    """The kill came between the report and its manifest."""

    class KilledStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if path.startswith("models/"):
                raise KeyboardInterrupt
            super().create(path, data, private=private)

    with pytest.raises(KeyboardInterrupt):
        reports.save(KilledStore(store), shared, rows)
    assert [] == manifests(store)
    assert len(rows) == reports.load(store, shared.model, shared.report_id).num_rows

    assert reports.complete(store, shared.model, shared.report_id)
    assert [noted(store)] == manifests(store)


def test_a_spoiled_reply_is_not_noted(store: Store) -> None:
    """What is written down of a report is what two readings of it agree on."""

    class SpoilingStore(PassingStore):
        replies = 0

        def read(self, path: str) -> bytes:
            self.replies += path.endswith(".parquet")
            data = super().read(path)
            return flipped(data, len(data) - 10) if self.replies == 1 else data

    reports.save(store, shared, rows)
    store.remove("models/default/reports/000000000000.json")
    reports.complete(SpoilingStore(store), shared.model, shared.report_id)

    assert [noted(store)] == manifests(store)


def test_a_damaged_report_is_not_noted(local: Store) -> None:
    """A manifest would make its bytes the right ones."""
    reports.save(local, shared, rows)
    local.remove("models/default/reports/000000000000.json")
    overwrite(local, path, local.read(path)[:-1])

    with pytest.raises(DamagedObject, match="not a Parquet report"):
        reports.complete(local, shared.model, shared.report_id)
    assert [] == manifests(local)


def test_a_report_that_is_not_what_was_noted_is_refused(local: Store) -> None:
    """Even one that is sound in itself."""
    reports.save(local, shared._replace(report_id="f" * 16), rows)
    reports.save(local, shared, rows[:2])
    overwrite(local, path, local.read(reports.report_path(shared.model, "f" * 16)))

    with pytest.raises(DamagedObject, match=f"{path}: sha256 mismatch, .*: remove it"):
        reports.load(local, shared.model, shared.report_id)
    local.remove(path)
    reports.save(local, shared, rows[:1])
    assert 1 == reports.load(local, shared.model, shared.report_id).num_rows


def test_a_damaged_manifest_is_named_and_made_anew(local: Store) -> None:
    """The report is there all the same."""
    reports.save(local, shared, rows)
    record = "models/default/reports/000000000000.json"
    overwrite(local, record, local.read(record)[:-1])

    with reported() as problems:
        assert len(rows) == reports.load(local, shared.model, shared.report_id).num_rows
    assert [local.location(record)] == [problem.name for problem in problems]
    assert reports.complete(local, shared.model, shared.report_id)
    assert [noted(local)] == manifests(local)


def test_reports_written_at_the_same_time_are_all_noted(store: Store) -> None:
    """Each writer's manifest goes behind those that came first."""
    others = ["a" * 16, "b" * 16]

    class CrowdedStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if others and path.startswith("models/"):
                reports.save(store, shared._replace(report_id=others.pop()), rows)
            super().create(path, data, private=private)

    reports.save(CrowdedStore(store), shared, rows)

    expected = [noted(store, report_id) for report_id in ("b" * 16, "a" * 16, shared.report_id)]
    assert expected == manifests(store)


@pytest.mark.parametrize("slow", ["reports/", "models/"])
def test_one_report_written_twice_at_the_same_time_is_noted_once(store: Store, slow: str) -> None:
    """The slower writer finds the report, or its manifest, and takes it for its own."""
    theirs = shared._replace(created_at=shared.created_at + timedelta(seconds=1))

    class CrowdedStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if path.startswith(slow):
                reports.save(store, theirs, rows)
            super().create(path, data, private=private)

    reports.save(CrowdedStore(store), shared, rows)

    assert [noted(store)] == manifests(store)
