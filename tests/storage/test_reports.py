"""A report is one Parquet file, which DuckDB and pyarrow read."""

from __future__ import annotations

import hashlib
import io
import runpy
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.exceptions import DamagedObject, NewerFormat, StoreError, UnknownObject
from flows.storage import bounds, reports
from flows.storage.log import Log
from flows.storage.report_schema import samples
from flows.storage.stores import Store
from tests.support.damage import reported
from tests.support.reports import created_at, digest, path, place, rows, run_id, save, schema
from tests.support.stores import StoreWrapper, flipped, overwrite

model, report_id = place.model, place.report_id


def test_a_report_is_read_back_unchanged(store: Store) -> None:
    """Every value of every row, with its length in characters."""
    save(store)
    table = reports.load(store, model, report_id)

    assert rows == table.to_pylist()


def test_a_report_has_the_documented_path(local: Store) -> None:
    """A file of samples and one of their summary, in folders of model and month."""
    save(local)

    assert ["0123456789abcdef.parquet"] == local.names("reports/samples/default/2026-11")
    assert ["0123456789abcdef.parquet"] == local.names("reports/summaries/default/2026-11")


def test_columns_have_their_types(local: Store) -> None:
    """In the file itself, for every reader."""
    save(local)
    found = pq.read_schema(local.location(path))

    assert {column.name: column.type for column in samples} == dict(
        zip(found.names, found.types, strict=True)
    )
    assert [column.name for column in samples if column.nullable] == [
        f.name for f in found if f.nullable
    ]


def test_every_column_has_a_description(local: Store) -> None:
    """The file alone explains its content."""
    save(local)
    described = {field.name: field.metadata for field in pq.read_schema(local.location(path))}

    assert set(schema.names) == set(described)
    for metadata in described.values():
        assert len(metadata[b"description"]) > 10


def test_the_file_states_its_format(local: Store) -> None:
    """So that a later program knows how to read it."""
    save(local)

    assert b"2" == pq.read_schema(local.location(path)).metadata[b"report_format"]


def test_columns_are_compressed_with_zstd(local: Store) -> None:
    """Samples are repetitive."""
    save(local)
    group = pq.read_metadata(local.location(path)).row_group(0)

    assert {"ZSTD"} == {group.column(n).compression for n in range(group.num_columns)}


def test_duckdb_reads_a_report(local: Store) -> None:
    """With the same values and sensible types."""
    save(local)
    query = f"select text, characters, created_at, seed from '{local.location(path)}'"
    with duckdb.connect() as connection:
        result = connection.execute(query)
        kinds = [column[1] for column in result.description or ()]
        found = result.fetchall()

    assert ["VARCHAR", "INTEGER", "TIMESTAMP WITH TIME ZONE", "BIGINT"] == kinds
    assert [(row["text"], len(row["text"]), row["seed"]) for row in rows] == [
        (text, characters, seed) for text, characters, _, seed in found
    ]
    assert {created_at} == {at for _, _, at, _ in found}


def test_pyarrow_reads_a_folder_of_reports_as_one_table(local: Store) -> None:
    """A folder of reports is a Parquet dataset."""
    save(local)
    save(local, rows[:2], report_id="f" * 16)
    table = pq.read_table(Path(local.location("reports/samples")))

    assert len(rows) + 2 == table.num_rows


def test_a_report_without_rows_is_valid(store: Store) -> None:
    """It has all columns."""
    save(store, [])
    table = reports.load(store, model, report_id)

    assert (0, schema.names) == (table.num_rows, table.column_names)


def test_exists_shows_whether_a_report_is_stored(store: Store) -> None:
    """By model and id."""
    assert not reports.exists(store, place)
    save(store)

    assert reports.exists(store, place)
    assert not reports.exists(store, place._replace(model="other"))


def test_a_report_is_written_once(store: Store) -> None:
    """A second save, at another time, leaves the bytes as they are."""
    save(store)
    before = store.read(path)
    save(store, created_at=created_at + timedelta(days=1))

    assert before == store.read(path)


@pytest.mark.parametrize("written", [True, False])
def test_a_lost_reply_is_distinguished_from_a_failed_write(store: Store, written: bool) -> None:
    """What is in the store decides."""

    class FaultyStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if written:
                super().create(path, data, private=private)
            raise StoreError("timed out")

    if written:
        save(FaultyStore(store))
    else:
        with pytest.raises(StoreError, match="timed out"):
            save(FaultyStore(store))

    assert written == reports.exists(store, place)


def test_a_value_of_the_wrong_type_writes_nothing(store: Store) -> None:
    """A report is complete before its first byte is written."""
    with pytest.raises(pa.ArrowException):
        save(store, iteration="many")
    assert not reports.exists(store, place)


def test_a_missing_report_is_an_error(store: Store) -> None:
    """The message names it."""
    with pytest.raises(UnknownObject, match="model default has no report 0123456789abcdef in"):
        reports.load(store, model, report_id)


@pytest.mark.parametrize(
    "data", [b"", b"PAR1", b"<html>" * 99, b"PAR1" + bytes(100) + b"PAR1"], ids=repr
)
def test_a_file_that_is_not_a_report_is_refused(store: Store, data: bytes) -> None:
    """The message names it, on one line."""
    store.put(path, data)

    with pytest.raises(DamagedObject, match=f"{path}: not a Parquet report") as caught:
        reports.load(store, model, report_id)
    assert 1 == len(str(caught.value).splitlines())


def test_a_table_of_other_columns_is_refused(local: Store) -> None:
    """It is Parquet, but not a report."""
    local.put(path, b"")
    pq.write_table(pa.table({"text": ["a"]}), local.location(path))

    with pytest.raises(DamagedObject, match="its columns are not those of a report"):
        reports.load(local, model, report_id)


def test_damage_is_refused_or_changes_nothing(local: Store) -> None:
    """Truncation is always refused; a flipped bit may be in unused bytes, but no value changes."""
    save(local)
    data = local.read(path)
    expected = reports.load(local, model, report_id).to_pylist()
    corrupt = [flipped(data, at, at % 8) for at in range(0, len(data), 19)]
    corrupt += [data[:length] for length in range(0, len(data), 101)]
    refused = 0
    for wrong in corrupt:
        overwrite(local, path, wrong)
        try:
            found = reports.load(local, model, report_id).to_pylist()
        except DamagedObject:
            refused += 1
        else:
            assert expected == found

    assert refused > len(range(0, len(data), 101))


def test_missing_rows_are_detected(local: Store) -> None:
    """The footer has no checksum of its own, so its counts are compared."""
    save(local)
    intact, expected = local.read(path), reports.load(local, model, report_id)
    count = 2 * len(rows)  # as Thrift writes it
    places = [place for place, byte in enumerate(intact) if byte == count]
    assert places

    for at in places:
        overwrite(local, path, flipped(intact, at, bit=1))
        try:
            found = reports.load(local, model, report_id)
        except DamagedObject:
            continue
        assert found.equals(expected)


def manifests(store: Store) -> list[dict[str, object]]:
    """The log's records of reports, oldest first."""
    records = Log(store, f"models/{model}/reports").list_records().newest_first("report")
    contents = [record.content for record in records][::-1]
    return [content for content in contents if content["path"].startswith("reports/samples/")]


def complete(store: Store) -> bool:
    """Whether the file is there, with its manifest."""
    return reports.check_saved(store, place, path, (run_id, digest))


def expected_manifest(store: Store, report_id: str = report_id) -> dict[str, object]:
    """The record that the log should have of a report."""
    where = place._replace(report_id=report_id).samples()
    data = store.read(where)
    sha256 = hashlib.sha256(data).hexdigest()
    of_file = {"report_id": report_id, "path": where, "sha256": sha256, "size": len(data)}
    return of_file | {"run_id": run_id, "checkpoint_digest": digest}


def test_a_report_is_recorded_in_its_models_log(store: Store) -> None:
    """With the digest of its bytes; once, however often it is saved."""
    assert not complete(store)
    save(store)
    save(store)

    assert complete(store)
    assert [expected_manifest(store)] == manifests(store)


def test_a_report_whose_writer_was_killed_is_recorded_later(store: Store) -> None:
    """The writer was killed between the report and its manifest."""

    class KilledStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if path.startswith("models/"):
                raise KeyboardInterrupt
            super().create(path, data, private=private)

    with pytest.raises(KeyboardInterrupt):
        save(KilledStore(store))
    assert [] == manifests(store)
    assert len(rows) == reports.load(store, model, report_id).num_rows

    assert complete(store)
    assert [expected_manifest(store)] == manifests(store)


def test_a_reply_corrupted_in_transit_is_not_recorded(store: Store) -> None:
    """A digest is recorded only if two reads agree on it."""

    class CorruptingStore(StoreWrapper):
        replies = 0

        def read(self, path: str, most: int = bounds.payload) -> bytes:
            self.replies += path.endswith(".parquet")
            data = super().read(path, most)
            return flipped(data, len(data) - 10) if self.replies == 1 else data

    save(store)
    store.remove("models/default/reports/000000000000.json")
    complete(CorruptingStore(store))

    assert [expected_manifest(store)] == manifests(store)


def test_a_corrupt_report_is_not_recorded(local: Store) -> None:
    """A manifest would declare the corrupt bytes to be right."""
    save(local)
    local.remove("models/default/reports/000000000000.json")
    overwrite(local, path, local.read(path)[:-1])

    with pytest.raises(DamagedObject, match="not a Parquet report"):
        complete(local)
    assert [] == manifests(local)


def test_a_report_leads_to_its_checkpoint(store: Store) -> None:
    """By its manifest, or by its rows where that is of before or was never written."""
    save(store)
    named = run_id, digest
    known, _ = reports.manifests(store, model)
    of_before = known.model_copy(update={"run_id": None, "checkpoint_digest": None})

    assert named == reports.checkpoint_of(store, model, report_id)
    assert named == reports.checkpoint_of(store, model, report_id, of_before)
    with pytest.raises(UnknownObject, match="model default has no report 0000000000000000 in"):
        reports.checkpoint_of(store, model, "0" * 16)


def test_a_report_that_differs_from_its_manifest_is_refused(local: Store) -> None:
    """Even if the file itself is intact."""
    save(local, report_id="f" * 16)
    save(local, rows[:2])
    overwrite(local, path, local.read(place._replace(report_id="f" * 16).samples()))

    with pytest.raises(DamagedObject, match=f"{path}: sha256 mismatch, .*: remove it"):
        reports.load(local, model, report_id)
    local.remove(path)
    save(local, rows[:1])
    assert 1 == reports.load(local, model, report_id).num_rows


def test_a_corrupt_manifest_is_reported_and_written_again(local: Store) -> None:
    """The report can still be read."""
    save(local)
    record = "models/default/reports/000000000000.json"
    overwrite(local, record, local.read(record)[:-1])

    with reported() as problems:
        assert len(rows) == reports.load(local, model, report_id).num_rows
    assert [local.location(record)] == [problem.name for problem in problems]
    assert complete(local)
    assert [expected_manifest(local)] == manifests(local)


def test_reports_written_at_the_same_time_are_all_recorded(store: Store) -> None:
    """Each writer's manifest is appended after the earlier ones."""
    others = ["a" * 16, "b" * 16]

    class ConcurrentStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if others and path.startswith("models/"):
                save(store, report_id=others.pop())
            super().create(path, data, private=private)

    save(ConcurrentStore(store))

    expected = [
        expected_manifest(store, report_id) for report_id in ("b" * 16, "a" * 16, report_id)
    ]
    assert expected == manifests(store)


@pytest.mark.parametrize("slow", ["reports/", "models/"])
def test_one_report_written_twice_at_the_same_time_is_recorded_once(
    store: Store, slow: str
) -> None:
    """The slower writer finds the report, or its manifest, and accepts it."""
    theirs = created_at + timedelta(seconds=1)

    class ConcurrentStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            if path.startswith(slow):
                save(store, created_at=theirs)
            super().create(path, data, private=private)

    save(ConcurrentStore(store))

    assert [expected_manifest(store)] == manifests(store)


def plant(store: Store, table: pa.Table) -> None:
    """Put another table where the report belongs."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    store.put(path, buffer.getvalue())


def report_of(store: Store, **changes: object) -> pa.Table:
    """A report's table whose columns have other values in every row."""
    save(store, report_id="f" * 16)
    table = pq.read_table(io.BytesIO(store.read(place._replace(report_id="f" * 16).samples())))
    for name, value in ({"report_id": report_id} | changes).items():
        at = table.schema.get_field_index(name)
        column = pa.array([value] * len(table), table.schema.field(name).type)
        table = table.set_column(at, table.schema.field(name), column)
    return table


@pytest.mark.parametrize(
    ("column", "value"), [("model", "other"), ("report_id", "0" * 16), ("model", "")]
)
def test_a_planted_report_is_refused_and_gets_no_manifest(
    store: Store, column: str, value: str
) -> None:
    """Its rows name another model, or another report."""
    plant(store, report_of(store, **{column: value}))

    with pytest.raises(DamagedObject, match=f"its {column} is '{value}', expected '.*remove it"):
        complete(store)
    with pytest.raises(DamagedObject, match=f"its {column} is"):
        reports.load(store, model, report_id)
    assert 1 == len(manifests(store))  # of the report that the planted one was made of


def test_a_report_of_rows_of_several_models_is_refused(store: Store) -> None:
    """Every row is compared."""
    table = report_of(store)
    plant(store, pa.concat_tables([table, report_of(store, model="other")]))

    with pytest.raises(DamagedObject, match="its model is 'other', expected 'default'"):
        reports.load(store, model, report_id)


def test_too_many_rows_are_refused_by_the_footer(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No column is read: sixty million rows may be in three megabytes."""
    plant(store, report_of(store))
    monkeypatch.setattr(bounds, "report_rows", len(rows) - 1)
    monkeypatch.setattr(pq.ParquetFile, "read", None)

    with pytest.raises(DamagedObject, match=f"{len(rows)} rows, at most {len(rows) - 1} are read"):
        reports.load(store, model, report_id)


def test_a_text_that_occurs_often_is_not_expanded(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the file a text is written once: a megabyte may stand for a terabyte."""
    monkeypatch.setattr(bounds, "report_table", 1_000_000)
    table = report_of(store, text="x" * 1000).slice(0, 1)
    plant(store, table.take(pa.array([0] * 5000)))

    with pytest.raises(DamagedObject, match=r"[0-9,]+ bytes of values, at most 1,000,000"):
        reports.load(store, model, report_id)


def test_a_report_of_a_newer_format_is_not_called_corrupt(store: Store) -> None:
    """To remove it would be wrong."""
    table = report_of(store)
    plant(store, table.replace_schema_metadata({"report_format": "3"}))

    with pytest.raises(NewerFormat, match=r"format 3 is newer than this program \(2\)"):
        reports.load(store, model, report_id)


def test_too_many_rows_are_not_written(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """They could not be read back."""
    monkeypatch.setattr(bounds, "report_rows", len(rows) - 1)

    with pytest.raises(StoreError, match=f"it has {len(rows)} rows, .*: make samples_each"):
        save(store)
    assert not reports.exists(store, place)


@pytest.mark.parametrize("page", ["report-schema.md", "fleet.md"])
def test_the_documented_columns_are_the_columns(page: str) -> None:
    """The page has been written since the columns changed."""
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / page).read_text(encoding="utf-8")

    assert text == runpy.run_path(str(docs / "write_report_schema.py"))["text"](text, page)
