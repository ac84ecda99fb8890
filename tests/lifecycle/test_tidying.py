"""Of a whole store, only datasets that nothing uses and garbage are removed, by its own clock."""

from __future__ import annotations

import time

import pytest

from flows.lifecycle.retention import retain_model
from flows.lifecycle.tidying import plan_tidying, retain_store
from flows.parameters import RetentionOptions
from flows.storage import datasets
from flows.storage.dataset_use import take_up
from flows.storage.names import probe_name
from flows.storage.runs import run_folder
from flows.storage.stores import Store, open_store
from tests.support.retention import (
    ClockedStore,
    DyingStore,
    Killed,
    add_checkpoint,
    add_run,
    day,
    decide,
    folders_in,
    paths_in,
)
from tests.support.retention import corpus_text as text
from tests.support.states import stored
from tests.support.stores import overwrite, reopened

few = RetentionOptions(latest=1, best=1, versions=1)
other = text + "cafe\n"


@pytest.fixture
def clocked(store: Store) -> ClockedStore:
    """A store whose clock the test sets."""
    return ClockedStore(store)


def test_a_dataset_that_no_run_names_goes_after_a_day(clocked: ClockedStore) -> None:
    dataset = stored(clocked, text).manifest.dataset_id
    clocked.now += 0.9 * day
    assert () == retain_store(clocked).datasets
    clocked.now += 0.2 * day
    assert (dataset,) == plan_tidying(clocked).datasets
    assert datasets.exists(clocked, dataset)
    assert (dataset,) == retain_store(clocked).datasets
    assert [] == paths_in(clocked.inner)


def test_a_removed_dataset_leaves_no_folder(local: Store) -> None:
    clocked = ClockedStore(local)
    take_up(clocked, stored(clocked, text).manifest.dataset_id, "for the test")
    clocked.now += 2 * day
    retain_store(clocked)
    assert ["datasets"] == folders_in(local)


def test_only_the_stores_clock_counts(
    clocked: ClockedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored(clocked, text)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1000 * day)
    assert () == retain_store(clocked).datasets


def test_a_dataset_stays_while_a_run_of_any_model_names_it(clocked: ClockedStore) -> None:
    first, second = add_run(clocked, "one"), add_run(clocked, "two")
    for model, log in (("one", first), ("two", second)):
        decide(clocked, log, 1, "rejected", model)
        decide(clocked, add_run(clocked, model, seed=1, corpus=other), 1, "promoted", model)
    dataset = datasets.tokenise([text]).manifest.dataset_id
    clocked.now += 2 * day
    retain_model(clocked, "one", few)
    clocked.now += 2 * day
    assert () == retain_store(clocked).datasets
    retain_model(clocked, "two", few)
    clocked.now += 2 * day
    assert (dataset,) == retain_store(clocked).datasets


def test_the_removal_of_a_run_keeps_its_dataset_for_another_day(clocked: ClockedStore) -> None:
    """A flow that found it in use may wait for its turn to train on it."""
    decide(clocked, add_run(clocked), 1, "rejected")
    decide(clocked, add_run(clocked, seed=1, corpus=other), 1, "promoted")
    clocked.now += 5 * day
    retain_model(clocked, "default", few)
    assert 1 == len(clocked.names("models/default/runs"))
    clocked.now += 0.9 * day
    assert () == retain_store(clocked).datasets
    clocked.now += 0.2 * day
    assert 1 == len(retain_store(clocked).datasets)


@pytest.mark.parametrize("how", ["corrupt", "newer"])
def test_no_dataset_goes_while_the_description_of_a_run_cannot_be_read(
    clocked: ClockedStore, how: str
) -> None:
    log = add_run(clocked, "other", corpus=other)
    stored(clocked, text)
    path = f"{run_folder('other', log.run_id)}/run.json"
    data = b"corrupt"
    if how == "newer":
        data = clocked.read(path).replace(b'"format":1', b'"format":2')
    overwrite(clocked, path, data)
    clocked.now += 2 * day
    tidied = retain_store(clocked)

    assert () == tidied.datasets
    assert tidied.obstacles[0].startswith(f"no dataset is removed: {clocked.location(path)}")


def test_a_dataset_that_is_taken_up_stays_for_another_day(clocked: ClockedStore) -> None:
    dataset = stored(clocked, text).manifest.dataset_id
    clocked.now += 2 * day
    take_up(clocked, dataset, "for the test")
    clocked.now += 0.9 * day
    assert () == retain_store(clocked).datasets
    clocked.now += 0.2 * day
    assert (dataset,) == retain_store(clocked).datasets


def test_taking_up_writes_only_where_no_run_names_it_and_the_last_time_is_an_hour_ago(
    clocked: ClockedStore,
) -> None:
    dataset = stored(clocked, text).manifest.dataset_id
    records = f"datasets/{dataset}/log"

    def taken_up() -> int:
        take_up(clocked, dataset, "for the test")
        return len(clocked.names(records))

    assert 0 == taken_up()
    clocked.now += 3700
    assert [1, 1] == [taken_up(), taken_up()]
    clocked.now += 3700
    assert 2 == taken_up()
    add_run(clocked, "other")
    clocked.now += 3700
    assert 2 == taken_up()
    take_up(clocked, "f" * 16, "there is none")
    assert [dataset] == clocked.names("datasets")


def test_a_dataset_that_is_taken_up_while_others_are_looked_at_stays(store: Store) -> None:
    class Busy(ClockedStore):
        def names(self, folder: str) -> list[str]:
            if folder == "models":
                self.times[f"datasets/{dataset}/manifest.json"] = self.now
            return super().names(folder)

    busy = Busy(store)
    dataset = stored(busy, text).manifest.dataset_id
    busy.now += 2 * day
    assert () == retain_store(busy).datasets
    assert datasets.is_intact(busy, dataset)


def test_a_removal_that_is_killed_anywhere_is_finished_by_the_next(store: Store) -> None:
    """In between there is the whole dataset or none, and it may be written again."""
    kills = 0
    while True:
        clocked = ClockedStore(store)
        dataset = stored(clocked, text).manifest.dataset_id
        clocked.now += 0.5 * day
        take_up(clocked, dataset, "for the test")
        clocked.now += 2 * day
        dying = DyingStore(clocked, kills)
        try:
            retain_store(dying)
        except Killed:
            fresh = reopened(store.url)
            assert datasets.is_intact(fresh, dataset) == datasets.exists(fresh, dataset)
            if kills % 2:
                stored(fresh, text)
                assert datasets.is_intact(fresh, dataset)
                clocked.times = dict.fromkeys(clocked.times, clocked.now)
                clocked.now += 2 * day
            retain_store(clocked)
            assert [] == paths_in(store)
            kills += 1
        else:
            break
    assert 10 < kills


def test_what_is_not_a_datasets_stays(clocked: ClockedStore) -> None:
    """A file or folder of a user has another name."""
    dataset = stored(clocked, text).manifest.dataset_id
    mine = ["datasets/notes/a.txt", "datasets/mine.txt", f"datasets/{dataset}/why.txt"]
    for path in mine:
        clocked.put(path, b"mine")
    clocked.now += 2 * day
    retain_store(clocked)
    assert sorted(mine) == paths_in(clocked.inner)


def test_garbage_of_all_models_goes(clocked: ClockedStore) -> None:
    logs = [add_run(clocked, model) for model in ("one", "two")]
    garbage = [log.payload_path("f" * 64) for log in logs] + [probe_name()]
    for path in garbage:
        clocked.put(path, b"no record names it")
    clocked.now += 2 * day
    for log in logs:
        add_checkpoint(log, 4, 2.0)
    assert sorted(garbage) == sorted(retain_store(clocked).files)


def test_a_year_of_nights_is_bounded() -> None:
    """A text that grows, a third of the nights rejected: only the log of versions grows."""
    clocked = ClockedStore(store := open_store("inmemory://bucket/store"))
    options = RetentionOptions(latest=1, best=1, versions=3)
    nights, files = 120, []
    for night in range(nights):
        log = add_run(clocked, seed=night, bits=[3.0, 2.0, 2.5], corpus=text + "a" * night)
        decide(clocked, log, 1, "promoted" if night % 3 else "rejected")
        retain_model(clocked, "default", options)
        retain_store(clocked)
        clocked.now += day
        files.append(len(paths_in(store)) - (night + 1))
    assert len(clocked.names("models/default/runs")) <= 4
    assert len(clocked.names("datasets")) <= 6
    assert max(files[20:]) == max(files[-20:])
