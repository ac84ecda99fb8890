"""Files of killed writers are removed after a grace period; what a record names never is."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from flows.storage.checkpoints import CheckpointLog
from flows.storage.garbage import collect_garbage, grace_seconds
from flows.storage.stores import Store, open_store
from tests.support.states import facts, make_state, vocabulary
from tests.support.stores import StoreWrapper, overwrite


class ChosenAgeFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Lists objects with only those fields for their age that the test chooses."""

    protocol = "chosenage"
    age_fields: Any = None

    def ls(self, path: str, detail: bool = True, **options: Any) -> list[Any]:
        found: list[Any] = super().ls(path, detail=detail, **options)
        if detail:
            found = [{"name": entry["name"]} | self.age_fields for entry in found]
        return found


fsspec.register_implementation("chosenage", f"{__name__}.{ChosenAgeFileSystem.__name__}")

run_id = "0" * 16
folder = f"models/default/runs/{run_id}"
orphan = f"{folder}/data/{'f' * 64}.safetensors"


@pytest.fixture
def log(store: Store) -> CheckpointLog:
    """A run with two checkpoints, and a payload whose record was never written."""
    log = CheckpointLog(store, "default", run_id)
    fill(log, store)
    return log


def fill(log: CheckpointLog, store: Store) -> None:
    """Commit two checkpoints, and leave a payload without a record."""
    for number in range(2):
        log.commit(make_state(iterations=number), vocabulary, facts, after=number - 1)
    store.put(orphan, b"a payload without a record")


def test_a_payload_without_a_record_is_removed_after_the_grace_period(
    log: CheckpointLog, store: Store
) -> None:
    """Only that payload is removed; checkpoints are read as before."""
    before = log.records()

    assert [] == collect_garbage(store, "default", run_id)
    assert [orphan] == collect_garbage(store, "default", run_id, grace=-1)
    assert [] == collect_garbage(store, "default", run_id, grace=-1)
    assert before == log.records()
    for record in before:
        log.read(record)


def test_no_payload_is_removed_while_a_record_is_corrupt(log: CheckpointLog, store: Store) -> None:
    """The corrupt record may be the one that names the payload."""
    overwrite(store, f"{folder}/log/000000000000.json", b"not a record")

    assert [] == collect_garbage(store, "default", run_id, grace=-1)
    assert 2 == len(store.names(f"{folder}/log"))
    assert log.newest() is not None


def test_temporary_files_are_removed_after_the_grace_period(local: Store) -> None:
    """A recent one may belong to a writer that is still working."""
    local.put(f"{folder}/log/.tmp-old", b"")
    local.put(f"{folder}/log/.tmp-young", b"")
    yesterday = time.time() - grace_seconds - 60
    os.utime(local.location(f"{folder}/log/.tmp-old"), (yesterday, yesterday))

    assert [f"{folder}/log/.tmp-old"] == collect_garbage(local, "default", run_id)
    left = Path(local.location(f"{folder}/log")).iterdir()
    assert [".tmp-young"] == [path.name for path in left]


@pytest.mark.parametrize("key", ["LastModified", "updated", "last_modified", "created"])
@pytest.mark.parametrize("form", ["a date", "ISO 8601", "seconds"])
def test_the_age_of_an_object_is_read_from_every_backend(
    monkeypatch: pytest.MonkeyPatch, key: str, form: str
) -> None:
    """S3 and Azure give a date, GCS a text, others seconds; without any, an object is recent."""
    date = datetime(2026, 1, 2, tzinfo=UTC)
    text = date.isoformat().replace("+00:00", "Z")
    age_fields = {"a date": date, "ISO 8601": text, "seconds": date.timestamp()}[form]
    store = open_store("chosenage://bucket/store")
    store.put(orphan, b"a payload without a record")

    monkeypatch.setattr(ChosenAgeFileSystem, "age_fields", {})
    assert [] == collect_garbage(store, "default", run_id)
    monkeypatch.setattr(ChosenAgeFileSystem, "age_fields", {key: age_fields})
    assert [orphan] == collect_garbage(store, "default", run_id)


def test_temporary_files_and_probes_are_removed_everywhere(local: Store) -> None:
    """A run may be killed while it writes a dataset, another run or a report, or probes a store."""
    places = ("datasets/d", "models/default", "models/other/runs/r/data", "reports/samples")
    left = ["probe-0", ".tmp-0", *(f"{place}/.tmp-0" for place in (*places, "sources/s/log"))]
    for path in [*left, "probes", "datasets/d/tokens.npy"]:
        local.put(path, b"")

    assert [] == collect_garbage(local, "default", run_id)
    assert sorted(left) == sorted(collect_garbage(local, "default", run_id, grace=-1))
    assert ["tokens.npy"] == local.names("datasets/d")


@pytest.mark.usefixtures("log")
def test_a_payload_that_a_writer_puts_again_is_kept(store: Store) -> None:
    """The next run writes the payload of a killed run again, and then its record."""

    class BusyStore(StoreWrapper):
        is_put_again = False

        def names(self, folder: str) -> list[str]:
            self.is_put_again = True
            return super().names(folder)

        def leftovers(self, folder: str, seconds: float) -> list[str]:
            return [] if self.is_put_again else super().leftovers(folder, seconds)

    assert [] == collect_garbage(BusyStore(store), "default", run_id, grace=-1)
    assert orphan.rpartition("/")[2] in store.names(f"{folder}/data")


def test_a_run_that_does_not_exist_has_no_garbage(store_url: str) -> None:
    """Nothing is removed or created."""
    store = open_store(store_url)

    assert [] == collect_garbage(store, "default", run_id, grace=-1)
    assert [] == store.names("")
