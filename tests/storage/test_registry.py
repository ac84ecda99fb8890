"""A model's versions: each checkpoint is decided on once, and the last one promoted is champion."""

from __future__ import annotations

import pytest

from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.log import Log
from flows.storage.registry import Champion, Decision, Registry
from flows.storage.stores import Store
from flows.storage.versions import History, Version
from tests.support.damage import reported
from tests.support.states import facts, make_state, vocabulary
from tests.support.stores import flipped, in_parallel, overwrite

run_id = "0123456789abcdef"


def commit(store: Store, iterations: int) -> CheckpointRecord:
    """Commit a checkpoint of model `m`."""
    log = CheckpointLog(store, "m", run_id)
    state = make_state(iterations=iterations)
    return log.commit(state, vocabulary, facts, after=log.head())


def decide(store: Store, record: CheckpointRecord, bits: float) -> Decision:
    """Promote a checkpoint if its bits per character are fewer than the champion's."""

    def judge(_: History, champion: Champion | None) -> Version:
        theirs = champion.version.bits_per_character if champion else None
        return Version(
            decision="promoted" if theirs is None or bits < theirs else "rejected",
            reason="for the test",
            run_id=run_id,
            iteration=record.iteration,
            digest=record.digest,
            bits_per_character=bits,
            champion=champion.number if champion else None,
            champion_bits_per_character=theirs,
        )

    return Registry(store, "m").decide(run_id, record.digest, judge)


def test_a_model_without_versions_has_no_champion(store: Store) -> None:
    assert Registry(store, "m").champion() is None


def test_the_champion_is_the_version_promoted_last(store: Store) -> None:
    """A rejected version changes nothing; each has a number and names the champion before it."""
    first, worse, better = (commit(store, iterations) for iterations in (1, 2, 3))

    decisions = [decide(store, first, 3.0), decide(store, worse, 3.5), decide(store, better, 2.5)]

    assert [0, 1, 2] == [decided.number for decided in decisions]
    assert ["promoted", "rejected", "promoted"] == [d.version.decision for d in decisions]
    assert [None, 0, 0] == [decided.version.champion for decided in decisions]
    assert [0, 0, 2] == [decided.champion for decided in decisions]
    champion = Registry(store, "m").champion()
    assert champion
    assert (2, better) == (champion.number, champion.record)
    assert 3 == champion.payload.state.iteration


def test_a_decision_stands_while_the_champion_is_the_same(store: Store) -> None:
    """A second decision on a checkpoint returns the first one, and writes no record."""
    first, worse = commit(store, 1), commit(store, 2)
    promoted, rejected = decide(store, first, 3.0), decide(store, worse, 4.0)

    again = [decide(store, first, 1.0), decide(store, worse, 1.0)]

    assert [promoted.version, rejected.version] == [found.version for found in again]
    assert [(0, 0, False), (1, 0, False)] == [(a.number, a.champion, a.is_new) for a in again]
    assert 1 == Log(store, "models/m/versions").list_records().head


def test_a_checkpoint_is_judged_again_when_the_champion_has_changed(store: Store) -> None:
    """A good checkpoint that is back after a bad night may win back its place."""
    good, bad = commit(store, 1), commit(store, 2)
    decide(store, good, 3.0)
    decide(store, bad, 2.0)

    again = decide(store, good, 1.0)

    assert (2, "promoted", 2, True) == (
        again.number,
        again.version.decision,
        again.champion,
        again.is_new,
    )
    assert [0, 1, 2] == [entry.number for entry in Registry(store, "m").history().entries][::-1]
    assert [2, 1, 0] == list(Registry(store, "m").history().champions())


def rolled_back_to(store: Store, number: int) -> None:
    """Append a rollback to a version, as a person would."""

    def draft(history: History, _: int) -> Version:
        target = history.get(number)
        assert target
        changes = {"decision": "rolled_back", "to_version": number, "decided_by": "hand"}
        return target.version.model_copy(update=changes)

    Registry(store, "m").append(draft)


def test_after_a_rollback_the_target_is_champion_and_all_after_it_are_rolled_back(
    store: Store,
) -> None:
    """They are not promoted again by the gate, and a further rollback passes over them."""
    records = [commit(store, iterations) for iterations in (1, 2, 3, 4)]
    for bits, record in zip((4.0, 3.0, 2.0), records, strict=False):
        decide(store, record, bits)
    rolled_back_to(store, 1)

    registry = Registry(store, "m")
    champion = registry.champion()
    assert champion
    assert (1, records[1]) == (champion.number, champion.record)
    assert {2} == registry.history().rolled_back
    assert [1, 0] == list(registry.history().champions())
    known = decide(store, records[2], 1.0)
    assert (2, 1, False) == (known.number, known.champion, known.is_new)
    after = decide(store, records[3], 2.5)
    assert (4, 1, 4) == (after.number, after.version.champion, after.champion)
    assert [4, 1, 0] == list(registry.history().champions())
    assert registry.history().get(3) is None  # the rollback is itself no version


def test_the_champion_after_each_decision_is_read_from_the_log(store: Store) -> None:
    for iterations, bits in enumerate((4.0, 5.0, 3.0), 1):
        decide(store, commit(store, iterations), bits)
    rolled_back_to(store, 0)
    history = Registry(store, "m").history()
    assert [0, 0, 2, 0] == [history.champion_after(number) for number in range(4)]


@pytest.mark.usefixtures("fast_switching_threads")
def test_concurrent_decisions_keep_one_history(store: Store) -> None:
    """The slower of two decisions is made again, with the other's version as champion."""
    records = [commit(store, iterations) for iterations in (1, 2, 3, 4)]
    done: list[Decision] = []

    in_parallel(4, lambda number: done.append(decide(store, records[number], 4.0 - number)))

    listing = Log(store, "models/m/versions").list_records()
    versions = [Version(**record.content) for record in listing.newest_first("version")][::-1]
    assert {record.digest for record in records} == {version.digest for version in versions}
    assert not listing.damaged
    for number, version in enumerate(versions):
        promoted = [known for known in range(number) if versions[known].decision == "promoted"]
        assert (promoted[-1] if promoted else None) == version.champion
    champion = Registry(store, "m").champion()
    assert champion
    assert records[3].digest == champion.version.digest


@pytest.mark.parametrize("what", ["payload", "version"])
def test_a_corrupt_champion_is_replaced_by_the_one_before(store: Store, what: str) -> None:
    """Whether its checkpoint or the decision itself is corrupt; the problem is reported."""
    first, second = commit(store, 1), commit(store, 2)
    decide(store, first, 3.0)
    number = decide(store, second, 2.0).number
    payload = CheckpointLog(store, "m", run_id).payload_path(second.digest)
    path = payload if what == "payload" else Log(store, "models/m/versions").path(number)
    overwrite(store, path, flipped(store.read(path), 200))
    with reported() as problems:
        champion = Registry(store, "m").champion()

    assert champion
    assert 0 == champion.number
    assert 1 == len(problems)
    assert store.location(path) in str(problems[0])
    assert 2 == decide(store, commit(store, 3), 1.0).number  # after the corrupt one


def test_a_record_with_invalid_fields_is_corrupt(store: Store) -> None:
    """Invalid names are never used as paths."""
    log = Log(store, "models/m/versions")
    intact = decide(store, commit(store, 1), 3.0).version.model_dump(mode="json")
    invalid = [{"run_id": "../../other"}, {"digest": "0"}, {"bits_per_character": "nan"}]
    for number, fields in enumerate(invalid):
        log.append("version", intact | fields, after=number)
    with reported() as problems:
        champion = Registry(store, "m").champion()

    assert champion
    assert 0 == champion.number
    assert 3 == len(problems)
