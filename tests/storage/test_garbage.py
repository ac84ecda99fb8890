"""Files of killed writers are removed after a grace period; what a record names never is."""

from __future__ import annotations

import math
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
from flows.storage.names import kept_round_name, probe_name, temporary_name
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

    assert [] == collect_garbage(store)
    assert [orphan] == collect_garbage(store, grace=-1)
    assert [] == collect_garbage(store, grace=-1)
    assert before == log.records()
    for record in before:
        log.read(record)


def test_ends_of_rounds_before_the_newest_checkpoint_are_removed(
    log: CheckpointLog, store: Store
) -> None:
    """Those after it are what a killed run goes on from; files of other names are left alone."""
    rounds = f"{folder}/rounds"
    names = [kept_round_name(iteration, "a" * 64) for iteration in (0, 1, 2)]
    for name in (*names, "notes.txt"):
        store.put(f"{rounds}/{name}", b"a state")

    assert [] == collect_garbage(store)
    removed = collect_garbage(store, grace=-1)
    assert [f"{rounds}/{name}" for name in names[:2]] == removed[1:]
    assert [names[2], "notes.txt"] == store.names(rounds)
    assert 2 == len(log.records())


def test_no_payload_is_removed_while_a_record_is_corrupt(log: CheckpointLog, store: Store) -> None:
    """The corrupt record may be the one that names the payload."""
    overwrite(store, f"{folder}/log/000000000000.json", b"not a record")

    assert [] == collect_garbage(store, grace=-1)
    assert 2 == len(store.names(f"{folder}/log"))
    assert log.newest() is not None


def test_temporary_files_are_removed_after_the_grace_period(local: Store) -> None:
    """A recent one may belong to a writer that is still working."""
    old, young = temporary_name(), temporary_name()
    for name in (old, young):
        local.put(f"{folder}/log/{name}", b"")
    make_old(local, f"{folder}/log/{old}")

    assert [f"{folder}/log/{old}"] == collect_garbage(local)
    left = Path(local.location(f"{folder}/log")).iterdir()
    assert [young] == [path.name for path in left]


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

    place, _, name = orphan.rpartition("/")
    monkeypatch.setattr(ChosenAgeFileSystem, "age_fields", {})
    assert {name: math.inf} == store.written(place)
    monkeypatch.setattr(ChosenAgeFileSystem, "age_fields", {key: age_fields})
    assert {name: date.timestamp()} == store.written(place)


def test_temporary_files_and_probes_are_removed_everywhere(local: Store) -> None:
    """A run may be killed while it writes a dataset, another run or a report, or probes a store."""
    places = ("datasets/d", "models/default", "models/other/runs/r/data", "reports/samples")
    left = [
        probe_name(),
        temporary_name(),
        *(f"{place}/{temporary_name()}" for place in (*places, "sources/s/log")),
    ]
    for path in [*left, "datasets/d/tokens.npy"]:
        local.put(path, b"")

    assert [] == collect_garbage(local)
    assert sorted(left) == sorted(collect_garbage(local, grace=-1))
    assert ["tokens.npy"] == local.names("datasets/d")


def test_a_file_of_a_user_is_never_removed(local: Store) -> None:
    """Only names exactly as this program makes them are its own."""
    fill(CheckpointLog(local, "default", run_id), local)
    kept = ["probe-results.csv", f"probe-{'0' * 17}", f"{folder}/.tmp-notes", ".tmp-notes"]
    kept += [f"{folder}/data/{name}.safetensors" for name in ("best", "A" * 64, "f" * 63)]
    kept += [f"{folder}/data/{'e' * 64}.safetensors.bak", f"models/.tmp-{'0' * 15}g"]
    for path in kept:
        local.put(path, b"mine")

    assert [orphan] == collect_garbage(local, grace=-1)
    assert [b"mine"] * len(kept) == [local.read(path) for path in kept]


def test_a_link_is_never_followed_to_what_it_names(local: Store, tmp_path: Path) -> None:
    """A folder outside the store has files of such names too."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / temporary_name()).write_bytes(b"mine")
    local.put("models/object", b"")
    Path(local.location("models/link")).symlink_to(outside)

    assert [] == collect_garbage(local, grace=-1)


@pytest.mark.parametrize("records", [0, 2])
def test_a_payload_newer_than_the_newest_record_is_kept_whatever_the_clock_says(
    local: Store, monkeypatch: pytest.MonkeyPatch, records: int
) -> None:
    """Another host, whose clock is days behind, may have put it just now, before its record."""
    log = CheckpointLog(local, "default", run_id)
    for number in range(records):
        log.commit(make_state(iterations=number), vocabulary, facts, after=number - 1)
    local.put(orphan, b"a payload whose record comes next")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 5 * grace_seconds)

    assert [] == collect_garbage(local)
    assert b"a payload whose record comes next" == local.read(orphan)


def test_a_temporary_file_newer_than_the_newest_record_is_kept(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the file that another host is writing just now."""
    fill(CheckpointLog(local, "default", run_id), local)
    path = f"datasets/d/{temporary_name()}"
    local.put(path, b"half")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 5 * grace_seconds)

    assert [] == collect_garbage(local)
    assert b"half" == local.read(path)


def make_old(store: Store, path: str) -> None:
    """Let a file of a local store be older than the grace period."""
    yesterday = time.time() - grace_seconds - 60
    os.utime(store.location(path), (yesterday, yesterday))


@pytest.mark.usefixtures("log")
def test_a_payload_that_a_writer_puts_again_is_kept(store: Store) -> None:
    """The next run writes the payload of a killed run again, and then its record."""

    class BusyStore(StoreWrapper):
        is_put_again = False

        def names(self, folder: str) -> list[str]:
            self.is_put_again = True
            return super().names(folder)

        def written(self, folder: str) -> dict[str, float]:
            later = 60 if self.is_put_again else 0
            return {name: at + later for name, at in super().written(folder).items()}

    assert [] == collect_garbage(BusyStore(store), grace=-1)
    assert orphan.rpartition("/")[2] in store.names(f"{folder}/data")


def test_a_run_that_does_not_exist_has_no_garbage(store_url: str) -> None:
    """Nothing is removed or created."""
    store = open_store(store_url)

    assert [] == collect_garbage(store, grace=-1)
    assert [] == store.names("")
