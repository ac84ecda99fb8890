"""What no policy keeps is removed, however often that is interrupted; all else stays as it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.exceptions import CheckpointRetired, RunConflict, UnknownObject
from flows.lifecycle.retention import apply, retain_model
from flows.lifecycle.retention_plan import RetentionPlan, plan_retention
from flows.parameters import RetentionOptions
from flows.reporting.selection import select_checkpoint
from flows.storage.checkpoints import CheckpointLog
from flows.storage.log import Log
from flows.storage.registry import Registry
from flows.storage.retirement import Retirement, removal
from flows.storage.runs import run_folder
from flows.storage.stores import Store
from tests.support.damage import reported
from tests.support.forging import sealed_record
from tests.support.retention import (
    ClockedStore,
    DyingStore,
    Killed,
    add_checkpoint,
    add_run,
    day,
    decide,
    folders_in,
    iterations,
    paths_in,
    roll_back,
)
from tests.support.states import facts, make_state, vocabulary
from tests.support.stores import StoreWrapper, overwrite, reopened

few = RetentionOptions(latest=1, best=1, versions=1)


def retain(store: Store, options: RetentionOptions = few) -> RetentionPlan:
    return retain_model(store, "default", options)


def test_the_latest_and_the_best_checkpoints_of_a_run_are_kept(store: Store) -> None:
    log = add_run(store)
    plan = retain(store)

    assert [1, 3] == iterations(log)
    assert 2 == plan.checkpoints == len(plan.removals[0].digests)
    assert [0, 1, 2, 3] == [record.iteration for record in log.records()]


def test_multiples_of_every_n_are_kept(store: Store) -> None:
    log = add_run(store, bits=[3.0] * 6)
    retain(store, RetentionOptions(latest=1, best=0, every_n=2))
    assert [0, 2, 4, 5] == iterations(log)


def test_a_dry_run_removes_and_records_nothing(store: Store) -> None:
    add_run(store)
    before = paths_in(store)
    plan = plan_retention(store, "default", few)

    assert before == paths_in(store)
    assert 2 == plan.checkpoints
    assert plan == RetentionPlan.model_validate_json(plan.model_dump_json())
    assert plan.size == sum(
        record.size
        for record in CheckpointLog(store, "default", plan.removals[0].run_id).records()
        if record.digest in plan.removals[0].digests
    )


def test_a_removed_checkpoint_is_no_corrupt_one(store: Store) -> None:
    log = add_run(store)
    gone = log.records()[0]
    retain(store)

    with reported() as problems:
        assert (newest := log.newest())
        assert 3 == newest.record.iteration
        with pytest.raises(
            CheckpointRetired, match=r"^checkpoint 0 of run \w+ of model default was removed by ret"
        ):
            log.read(gone)
    assert [] == problems


def test_what_is_missing_without_a_retirement_is_reported(store: Store) -> None:
    log = add_run(store)
    store.remove(log.payload_path(log.records()[3].digest))
    with reported() as problems:
        assert (newest := log.newest())
        assert 2 == newest.record.iteration
    assert ["is missing"] == [problem.reason for problem in problems]


def test_a_checkpoint_that_was_written_again_is_there_again(store: Store) -> None:
    """After the newest ones were lost, training repeats what was retired."""
    log = add_run(store, bits=[3.0, 2.0, 2.5])
    retain(store)
    store.remove(log.payload_path(log.records()[2].digest))
    for iteration in (2, 3):
        add_checkpoint(log, iteration, 2.5)
    assert [1, 2, 3] == iterations(log)
    store.remove(log.payload_path(log.records()[2].digest))

    assert set() == log.retired() - {log.records()[0].digest}
    retain(store)
    assert [1, 3] == iterations(log)


@pytest.mark.parametrize("how", ["corrupt", "missing"])
def test_nothing_of_a_run_is_removed_while_its_newest_checkpoint_is_corrupt(
    store: Store, how: str
) -> None:
    log = add_run(store)
    path = log.payload_path(log.records()[3].digest)
    if how == "missing":
        store.remove(path)
    else:
        overwrite(store, path, b"corrupt")
    before = paths_in(store)
    plan = retain(store)

    assert before == paths_in(store)
    assert ["its newest checkpoint is corrupt"] == [o.split("since ")[1] for o in plan.obstacles]


def test_a_newest_checkpoint_of_another_run_is_corrupt_too(store: Store) -> None:
    """What could not be gone on from makes nothing dispensable."""
    log = add_run(store)
    state = make_state("float32", iterations=4)
    log.commit(state, vocabulary, facts, after=log.head())
    before = paths_in(store)
    assert "its newest checkpoint is corrupt" in retain(store).obstacles[0]
    assert before == paths_in(store)


def test_nothing_of_a_run_is_removed_while_a_record_is_corrupt(store: Store) -> None:
    log = add_run(store)
    overwrite(store, f"{run_folder('default', log.run_id)}/log/{3:012}.json", b"corrupt")
    before = paths_in(store)
    plan = retain(store)

    assert before == paths_in(store)
    assert "since its log is corrupt" in plan.obstacles[0]


def test_checkpoints_of_kept_versions_and_the_judged_one_are_kept(store: Store) -> None:
    log = add_run(store, bits=[4.0, 3.0, 3.0, 3.0, 2.0, 2.0])
    decide(store, log, 1, "promoted")
    decide(store, log, 2, "promoted")
    decide(store, log, 3, "rejected")
    retain(store, RetentionOptions(latest=1, best=0, versions=1))
    assert [2, 3, 5] == iterations(log)


def nights(store: Store, decisions: str) -> list[CheckpointLog]:
    """A run a night: p promoted, r rejected, u not decided about."""
    names = {"p": "promoted", "r": "rejected"}
    logs = []
    for seed, letter in enumerate(decisions):
        logs.append(add_run(store, seed=seed))
        if letter in names:
            decide(store, logs[-1], 1, names[letter])
    return logs


def there(store: Store, logs: list[CheckpointLog]) -> list[int]:
    """Nights of which the run is there."""
    runs = store.names("models/default/runs")
    return [night for night, log in enumerate(logs) if log.run_id in runs]


def test_a_run_goes_whole_once_a_newer_one_is_decided_and_no_kept_version_names_it(
    store: Store,
) -> None:
    logs = nights(store, "pprrpr")
    retain(store, RetentionOptions(versions=2))
    assert [1, 4, 5] == there(store, logs)


def test_an_undecided_run_stays_for_30_days_without_a_write(store: Store) -> None:
    clocked = ClockedStore(store)
    logs = nights(clocked, "upp")
    clocked.now += 29.9 * day
    retain(clocked)
    assert [0, 2] == there(store, logs)
    clocked.now += 0.2 * day
    retain(clocked)
    assert [2] == there(store, logs)


def test_a_run_that_went_on_since_its_decision_is_undecided(store: Store) -> None:
    logs = nights(store, "rpp")
    add_checkpoint(logs[0], 4, 2.0)
    retain(store)
    assert [0, 2] == there(store, logs)


def test_a_store_that_dates_nothing_keeps_what_is_undecided(store: Store) -> None:
    class Undated(StoreWrapper):
        def written(self, folder: str) -> dict[str, float]:
            return dict.fromkeys(super().written(folder), float("inf"))

    logs = nights(store, "up")
    retain(Undated(store))
    assert [0, 1] == there(store, logs)


def test_a_removed_run_leaves_no_folder(local: Store) -> None:
    logs = nights(local, "rp")
    retain(local)
    assert [] == [name for name in folders_in(local) if logs[0].run_id in name]


def test_a_run_with_the_end_of_a_round_is_in_work_and_goes_whole_later(local: Store) -> None:
    """Its last write is the round, 20 days after its last checkpoint."""
    store = ClockedStore(local)
    log = add_run(store)
    store.now += 20 * day
    store.put(f"{run_folder('default', log.run_id)}/rounds/{'0' * 12}-{'a' * 64}.safetensors", b"x")
    store.now += 20 * day
    retain(store)
    assert log.run_id in local.names("models/default/runs")
    store.now += 20 * day
    retain(store)
    assert [] == local.names("models/default/runs")


def test_files_of_a_user_stay(local: Store) -> None:
    logs = nights(local, "rp")
    local.put(f"{run_folder('default', logs[0].run_id)}/data/notes.txt", b"mine")
    for _ in range(2):
        retain(local)
    assert [f"{run_folder('default', logs[0].run_id)}/data/notes.txt"] == [
        path for path in paths_in(local) if logs[0].run_id in path
    ]


def test_after_a_rollback_its_target_and_the_last_champions_stay(store: Store) -> None:
    logs = nights(store, "ppppp")
    roll_back(store, 1)
    retain(store, RetentionOptions(versions=2))
    assert [0, 1, 4] == there(store, logs)  # 0 is where the next rollback goes
    champion = Registry(store, "default").champion()
    assert champion
    assert 1 == champion.number


def test_no_run_goes_whole_while_the_champion_is_corrupt(store: Store) -> None:
    logs = nights(store, "rpp")
    overwrite(store, logs[2].payload_path(logs[2].records()[1].digest), b"corrupt")
    plan = retain(store)
    assert [0, 1, 2] == there(store, logs)
    assert "its champion is lost" in plan.obstacles[0]


def test_nothing_is_removed_while_a_decision_that_counts_is_corrupt(store: Store) -> None:
    """It may name any checkpoint; one that is older than all kept versions does not count."""
    logs = nights(store, "pppp")
    overwrite(store, f"models/default/versions/{2:012}.json", b"corrupt")
    before = paths_in(store)
    plan = retain(store, RetentionOptions(versions=2))
    assert before == paths_in(store)
    assert "000000000002.json cannot be read" in plan.obstacles[0]

    logs += [add_run(store, seed=9), add_run(store, seed=10)]
    for log in logs[4:]:
        decide(store, log, 1, "promoted")
    retain(store, RetentionOptions(versions=2))
    assert not {logs[0].run_id, logs[1].run_id} & set(store.names("models/default/runs"))
    assert {logs[4].run_id, logs[5].run_id} <= set(store.names("models/default/runs"))


@pytest.mark.parametrize("what", ["record", "description"])
def test_what_a_newer_program_wrote_is_left_alone(store: Store, what: str) -> None:
    logs = nights(store, "rrp")
    folder = run_folder("default", logs[0].run_id)
    path = f"{folder}/log/{logs[0].head():012}.json"
    if what == "description":
        path = f"{folder}/run.json"
        overwrite(store, path, store.read(path).replace(b'"format":1', b'"format":99'))
    else:
        overwrite(store, path, sealed_record(store.read(path), place=[2], value=99))
    plan = retain(store)

    assert [0, 2] == there(store, logs)
    assert "format 99 is newer than this program" in plan.obstacles[0]
    assert 4 == len(logs[0].payloads())


def test_a_removed_run_says_so(store: Store) -> None:
    logs = nights(store, "rp")
    folder = run_folder("default", logs[0].run_id)
    content = Retirement(reason="for the test").model_dump(mode="json")
    Log(store, f"{folder}/log").append(removal, content, after=logs[0].head())

    with pytest.raises(
        CheckpointRetired, match=r"^run \w+ of model default was removed by retention on \d"
    ):
        select_checkpoint(store, "default", logs[0].run_id)
    retain(store)
    with pytest.raises(UnknownObject, match="it was not trained, or retention removed it"):
        select_checkpoint(store, "default", logs[0].run_id)
    with pytest.raises(UnknownObject, match="it was not trained, or retention removed it"):
        Registry(store, "default").checkpoint(Registry(store, "default").version(0))


def scenario(store: Store) -> list[CheckpointLog]:
    """Runs to be removed whole, and one with checkpoints to be removed."""
    return nights(store, "prp")


def test_a_removal_that_is_killed_anywhere_is_finished_by_the_next(
    count: Callable[[str], None],
) -> None:
    """And in between every reader finds the champion intact, and nothing corrupt.

    In memory: on a disk `make soak` kills whole nights at each of their operations.
    """

    def where(number: int) -> str:
        return f"inmemory://bucket/store-{number}"

    undisturbed = reopened(where(-1))
    logs = scenario(undisturbed)
    retain(undisturbed)
    expected = paths_in(undisturbed)
    kills = 0
    while True:
        store = reopened(where(kills))
        scenario(store)
        try:
            retain(DyingStore(reopened(where(kills)), kills))
        except Killed:
            assert_readable(reopened(where(kills)), logs)
            retain(reopened(where(kills)))
            assert expected == paths_in(store)
            kills += 1
        else:
            break
    assert 50 < kills
    count(f"retention killed at each of {kills} operations")


def assert_readable(store: Store, logs: list[CheckpointLog]) -> None:
    """The champion is there and nothing is corrupt; what is gone is said to be removed."""
    says = []
    with reported() as problems:
        champion = Registry(store, "default").champion()
        assert champion
        assert 2 == champion.number
        for log in logs:
            try:
                assert 3 == select_checkpoint(store, "default", log.run_id).record.iteration
            except UnknownObject as error:
                says.append("retention" in str(error))
    assert all(says)
    assert [] == problems


def test_a_decision_that_is_added_meanwhile_stops_the_removal(store: Store) -> None:
    """A rollback by hand takes no lock: what it names stays, and its run's removal is taken back."""
    logs = nights(store, "prp")

    class Meddled(StoreWrapper):
        is_free = True

        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            if self.is_free and f"{logs[0].run_id}/log" in path:
                self.is_free = False
                roll_back(store, 0)

    meddled = Meddled(store)
    plan = retain(meddled)
    assert [0, 2] == there(store, logs)
    assert (logs[0].run_id,) == plan.restored
    champion = Registry(reopened(store.url), "default").champion()
    assert champion
    assert 0 == champion.number
    log = CheckpointLog(reopened(store.url), "default", logs[0].run_id)
    assert not log.is_being_removed()
    assert log.newest()


def test_a_plan_that_is_out_of_date_is_refused(store: Store) -> None:
    logs = nights(store, "rp")
    plan = plan_retention(store, "default", few)
    add_checkpoint(logs[0], 4, 2.0)
    with pytest.raises(RunConflict, match="was trained meanwhile"):
        apply(store, plan)
    assert [0, 1] == there(store, logs)
    assert [0, 1, 2, 3, 4] == iterations(logs[0])


def test_a_second_retention_changes_nothing(store: Store) -> None:
    nights(store, "prpru")
    retain(store)
    before = paths_in(store)
    plan = retain(store)
    assert before == paths_in(store)
    assert (0, 0) == (plan.checkpoints, plan.runs)


def test_a_model_that_is_not_there_has_nothing_to_remove(store: Store) -> None:
    assert RetentionPlan(model="default", head=-1) == retain(store)
    assert [] == paths_in(store)
