"""An opened store keeps what it has read: each immutable object is read once, and no more is kept."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import pytest

from flows.exceptions import DamagedObject, ObjectMissing, StoreError
from flows.storage import OpenRun, bounds, open_store
from flows.storage.cache import Cache, sizes
from flows.storage.datasets import dataset_folder
from flows.storage.log import Log
from flows.storage.runs import make_run, save_run
from flows.storage.stores import Store, most_caches
from rnncore import Hyperparameters
from tests.support.damage import reported
from tests.support.states import commit, open_log, stored, text
from tests.support.stores import StoreWrapper, flipped, overwrite


class CountingStore(StoreWrapper):
    """Counts how often each object is read."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.reads: Counter[str] = Counter()

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        self.reads[path] += 1
        return super().read(path, most)


def test_stores_of_a_process_share_what_was_read(tmp_path: Path) -> None:
    """The backend is opened each time; what was read is kept for a bounded number of stores."""
    first, again = open_store(f"{tmp_path}/0"), open_store(f"{tmp_path}/0")
    assert first is not again
    assert first.cache is again.cache

    for number in range(1, most_caches + 1):
        open_store(f"{tmp_path}/{number}")
    assert first.cache is not open_store(f"{tmp_path}/0").cache


def test_a_store_is_the_same_by_its_relative_and_its_absolute_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shards name it by the absolute one, which is the same in all processes."""
    monkeypatch.chdir(tmp_path)
    caches = {id(open_store(url).cache) for url in ("store", "./store", f"{tmp_path}/store/")}
    assert 1 == len(caches)


def test_the_same_relative_path_elsewhere_is_another_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default store is relative to the working directory."""
    caches = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        caches.append(open_store("data/store").cache)

    assert caches[0] is not caches[1]


def test_a_store_that_is_made_again_is_not_that_of_before(local: Store) -> None:
    """Where a user removes the folder, records of the same number are new ones."""
    log = Log(local, "log")
    log.append("note", {"text": "before"}, after=-1)
    shutil.rmtree(local.url)

    log.append("note", {"text": "after"}, after=-1)

    assert {"text": "after"} == log.read(0).content


def test_after_a_failed_create_the_store_decides_not_the_cache(local: Store) -> None:
    """A user has removed the folder, and the disk is full: nothing of before exists any more."""

    class FullStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            raise StoreError(f"no room for {len(data)} bytes at {path}, private {private}")

    run = make_run("0" * 16, held_out=0.1, split="content", seed=0, network=Hyperparameters())
    save_run(local, "default", run)
    Log(local, "log").append("note", {}, after=-1)
    full = FullStore(local)
    full.cache = local.cache
    shutil.rmtree(local.url)

    with pytest.raises(StoreError, match="no room"):
        save_run(full, "default", run)
    with pytest.raises(StoreError, match="no room"):
        Log(full, "log").append("note", {}, after=-1)


def test_each_record_is_read_once(store: Store) -> None:
    """However often and by whom a log is read, and whoever appended meanwhile."""
    for iterations in (1, 2):
        commit(open_log(store), iterations)
    counting = CountingStore(store)

    for _ in range(3):
        open_log(counting).records()
    commit(open_log(store), 3)

    assert [1, 2, 3] == [record.iteration for record in open_log(counting).records()]
    assert {1} == set(counting.reads.values())
    assert 3 == len(counting.reads)


def test_a_run_reads_what_is_asked_for(store: Store) -> None:
    """The loss curve needs the log alone; the text is verified when it is asked for, once."""
    dataset = stored(store, text).manifest.dataset_id
    run = make_run(dataset, held_out=0.1, split="content", seed=0, network=Hyperparameters())
    save_run(store, "default", run)
    commit(open_log(store, run.run_id), 1)
    counting = CountingStore(store)
    opened = OpenRun(counting, "default", run.run_id)

    assert [1] == [record.iteration for record in opened.log.records()]
    assert not any(path.startswith(dataset_folder(dataset)) for path in counting.reads)
    for _ in range(2):
        assert len(text) == sum(map(len, opened.split[:2]))
        assert run == opened.run
    assert {1} == set(counting.reads.values())


def test_what_is_corrupt_is_not_kept(store: Store) -> None:
    """It is read again, and found when it is intact."""
    log = Log(store, "log")
    log.append("note", {}, after=-1)
    intact = store.read(log.path(0))
    overwrite(store, log.path(0), flipped(intact, 30))

    with reported() as problems:
        assert [] == list(log.list_records().newest_first("note"))
    assert [log.location(0)] == [problem.name for problem in problems]
    overwrite(store, log.path(0), intact)
    assert 1 == len(list(log.list_records().newest_first("note")))


def test_a_removed_object_is_forgotten(store: Store) -> None:
    """It is not found in the cache."""
    log = Log(store, "log")
    log.append("note", {}, after=-1)
    log.read(0)
    store.remove(log.path(0))

    with pytest.raises(ObjectMissing, match=r"object not found: .*0\.json"):
        log.read(0)


def test_the_cache_is_bounded() -> None:
    """The objects used last are kept."""
    cache, size = Cache(), sizes["dataset"]
    read: list[int] = []
    for number in [*range(size + 1), size, 0]:
        cache.get("dataset", number, lambda number=number: read.append(number))  # type: ignore[misc]

    assert [*range(size + 1), 0] == read


def test_a_failed_read_is_not_kept() -> None:
    """The next one may succeed."""
    cache = Cache()

    def fail() -> int:
        raise DamagedObject("x", "is missing")

    with pytest.raises(DamagedObject):
        cache.get("record", "x", fail)
    assert 1 == cache.get("record", "x", lambda: 1)
