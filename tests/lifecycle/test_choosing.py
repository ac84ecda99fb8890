"""Decisions by hand: rolling back goes to earlier champions, and promoting makes a new version."""

from __future__ import annotations

import logging

import numpy as np
import pytest

from flows.exceptions import UnknownObject
from flows.lifecycle.choosing import preview, promote_by_hand, roll_back, rollback
from flows.storage.checkpoints import CheckpointLog
from flows.storage.log import Log
from flows.storage.registry import Decision, Registry
from flows.storage.stores import Store
from rnncore import sample_batch
from tests.support.decisions import decided
from tests.support.stores import flipped, in_parallel, overwrite


def champion_of(registry: Registry) -> int:
    champion = registry.champion()
    assert champion
    return champion.number


def payload_path(registry: Registry, number: int) -> str:
    """Path of the checkpoint of a version."""
    version = registry.version(number).version
    return CheckpointLog(registry.store, registry.model, version.run_id).payload_path(
        version.digest
    )


def samples(registry: Registry) -> list[str]:
    """Samples of the champion with one seed."""
    champion = registry.champion()
    assert champion
    state, vocabulary = champion.payload
    hidden, rngs = np.zeros_like(state.parameters.bh)[None], [np.random.default_rng(7)]
    drawn = sample_batch(state.parameters, hidden, np.array([0]), 200, rngs=rngs)
    return [vocabulary.decode(tokens) for tokens in drawn]


def test_a_rollback_goes_to_the_champion_before(store: Store) -> None:
    """It is a record that names both; again goes further back."""
    registry = decided(store, "pprp")

    first, second = roll_back(store, "m", None, "bad samples"), roll_back(store, "m", None, "")

    version = first.version
    assert ("rolled_back", 3, 1, 1) == (
        version.decision,
        version.champion,
        version.to_version,
        version.champion_now,
    )
    assert ("hand", "bad samples") == (version.decided_by, version.note)
    assert registry.version(1).version.digest == version.digest
    assert "rolled back from version 3 to version 1" == version.reason
    assert [4, 5] == [first.number, second.number]
    assert [1, 0] == [first.champion, second.champion]
    assert 0 == champion_of(registry)


def test_a_rollback_restores_the_same_samples(store: Store) -> None:
    """The checkpoint is the same, so the same seed gives the same text."""
    registry = decided(store, "p")
    before = samples(registry)
    decided(store, "rp")
    assert before != samples(registry)

    roll_back(store, "m", None, "")

    assert before == samples(registry)
    champion = registry.champion()
    assert champion
    first = registry.checkpoint(registry.version(0)).payload.state
    np.testing.assert_array_equal(first.parameters.Wxh, champion.payload.state.parameters.Wxh)


def test_a_rollback_goes_to_the_version_that_is_asked_for(store: Store) -> None:
    registry = decided(store, "ppp")

    assert 0 == roll_back(store, "m", 0, "").champion == champion_of(registry)
    assert frozenset({1, 2}) == registry.history().rolled_back


def test_a_promotion_by_hand_is_a_new_version(store: Store) -> None:
    """Of a version that was rejected or rolled back; the sum of losses starts again."""
    registry = decided(store, "prp")
    roll_back(store, "m", 0, "")

    rejected = promote_by_hand(store, "m", 1, "it reads well")
    back = promote_by_hand(store, "m", 2, "")

    version = rejected.version
    assert (4, "promoted", "hand", "it reads well") == (
        rejected.number,
        version.decision,
        version.decided_by,
        version.note,
    )
    assert registry.version(1).version.digest == version.digest
    assert (registry.version(0).version.dataset_id, ("corpus.txt",), 0.0) == (
        version.dataset_id,
        version.corpus,
        version.lost_bits,
    )
    assert (5, 5) == (back.number, champion_of(registry))
    assert 4 == roll_back(store, "m", None, "").champion


def test_a_champion_that_is_gone_is_passed_over(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so; with its number it is refused."""
    registry = decided(store, "ppp")
    store.remove(payload_path(registry, 1))

    with pytest.raises(UnknownObject, match="checkpoint of version 1 of model m was removed"):
        roll_back(store, "m", 1, "")
    with caplog.at_level(logging.WARNING):
        assert 0 == roll_back(store, "m", None, "").champion

    assert "version 1 is passed over" in caplog.text


@pytest.mark.parametrize(
    ("decisions", "version", "sentence"),
    [
        ("", None, "model m has no versions in"),
        ("r", None, "has no champion to roll back from"),
        ("rp", None, "nothing to roll back to: model m has no intact champion before version 1"),
        ("pp", 7, "model m has no version 7: they are 0 to 1"),
        ("prp", 1, "version 1 of model m was never champion: promote it instead"),
        ("pp", 1, "version 1 of model m is the champion already"),
    ],
)
def test_a_rollback_that_leads_nowhere_is_refused(
    store: Store, decisions: str, version: int | None, sentence: str
) -> None:
    """With one sentence, and nothing is written."""
    decided(store, decisions)

    with pytest.raises(UnknownObject, match=sentence):
        roll_back(store, "m", version, "")

    assert len(decisions) - 1 == Log(store, "models/m/versions").list_records().head


@pytest.mark.parametrize(
    ("version", "sentence"),
    [
        (1, "version 1 of model m was rolled back: promote it instead"),
        (3, "model m has no version 3: record 3 is a rollback; they are 0 to 4"),
    ],
)
def test_what_was_rolled_back_is_no_target(store: Store, version: int, sentence: str) -> None:
    """Only a promotion by hand brings it back."""
    decided(store, "ppp")
    roll_back(store, "m", 0, "")
    promote_by_hand(store, "m", 2, "")

    with pytest.raises(UnknownObject, match=sentence):
        roll_back(store, "m", version, "")


def test_a_newer_version_is_no_target(store: Store) -> None:
    """Also if it was rolled back: a rollback goes back only."""
    decided(store, "ppp")
    roll_back(store, "m", 1, "")

    with pytest.raises(UnknownObject, match="version 2 of model m was rolled back: promote it"):
        roll_back(store, "m", 2, "")


def test_a_promotion_of_the_champion_is_refused(store: Store) -> None:
    """Also where another version has its checkpoint."""
    decided(store, "pp")
    promote_by_hand(store, "m", 0, "")

    for version in (0, 2):
        with pytest.raises(UnknownObject, match="has the checkpoint of the champion, version 2"):
            promote_by_hand(store, "m", version, "")
    with pytest.raises(UnknownObject, match="model m has no version 3: they are 0 to 2"):
        promote_by_hand(store, "m", 3, "")


def test_a_corrupt_checkpoint_is_not_promoted(store: Store) -> None:
    registry = decided(store, "rp")
    path = payload_path(registry, 0)
    overwrite(store, path, flipped(store.read(path), 500))

    with pytest.raises(UnknownObject, match=r"was removed or is corrupt .*sha256 mismatch"):
        promote_by_hand(store, "m", 0, "")


def test_a_preview_writes_nothing(store: Store) -> None:
    registry = decided(store, "pp")

    shown = preview(registry, rollback(registry, None, ""))

    assert (2, 0) == (shown.number, shown.champion)
    assert 1 == champion_of(registry)


@pytest.mark.usefixtures("fast_switching_threads")
def test_decisions_at_once_keep_one_history(store: Store) -> None:
    """Each is made of the history that it follows: none is lost, and one champion remains."""
    registry = decided(store, "rrrr")
    done: list[Decision] = []

    in_parallel(4, lambda number: done.append(promote_by_hand(store, "m", number, "")))

    assert [4, 5, 6, 7] == sorted(decision.number for decision in done)
    newest_first = registry.history().entries[:4]
    assert [6, 5, 4, None] == [entry.version.champion for entry in newest_first]
    assert 7 == champion_of(registry)


@pytest.mark.usefixtures("fast_switching_threads")
def test_one_of_two_equal_promotions_at_once_is_refused(store: Store) -> None:
    """The second finds the champion's checkpoint."""
    registry = decided(store, "rp")
    outcomes: list[str] = []

    def promote(_: int) -> None:
        try:
            promote_by_hand(store, "m", 0, "")
            outcomes.append("promoted")
        except UnknownObject:
            outcomes.append("refused")

    in_parallel(2, promote)

    assert ["promoted", "refused"] == sorted(outcomes)
    assert 2 == champion_of(registry)
