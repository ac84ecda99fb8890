"""Decisions by hand: roll back to a version that was champion, or promote any version."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flows.exceptions import UnknownObject
from flows.storage.registry import Champion, Decision, Registry
from flows.storage.stores import Store
from flows.storage.versions import History, Version

logger = logging.getLogger(__name__)

Draft = Callable[[History, int], Version]  # of the history and the number of the new record

# What a record says of the checkpoint itself, whoever decides about it.
of_checkpoint = {
    "run_id",
    "iteration",
    "digest",
    "bits_per_character",
    "rule",
    "best_of",
    "copied",
    "goal",
    "parent",
    "dataset_id",
    "corpus",
    "characters",
    "vocabulary_size",
}


def roll_back(store: Store, model: str, to_version: int | None, note: str) -> Decision:
    """Make an earlier champion the champion again: that version, or the one before the present.

    `UnknownObject` where there is none, or its checkpoint is not intact.
    """
    registry = Registry(store, model)
    return registry.append(rollback(registry, to_version, note))


def promote_by_hand(store: Store, model: str, version: int, note: str) -> Decision:
    """Make the checkpoint of any version the champion, as a new version.

    `UnknownObject` where it is not there or not intact, or champion already.
    """
    registry = Registry(store, model)
    return registry.append(promotion(registry, version, note))


def preview(registry: Registry, draft: Draft) -> Decision:
    """What a decision by hand would be; nothing is written."""
    history = registry.history()
    number = history.entries[0].number + 1 if history.entries else 0
    version = draft(history, number)
    return Decision(number, version, version.champion_now)


def rollback(registry: Registry, to_version: int | None, note: str) -> Draft:
    """The record of a rollback."""

    def draft(history: History, number: int) -> Version:  # noqa: ARG001 - a rollback is no version
        champion = _champion_of(registry, history)
        if champion is None:
            raise UnknownObject(
                f"model {registry.model} has no champion to roll back from: promote a version"
            )
        target = (
            _previous(registry, history, champion)
            if to_version is None
            else _earlier(registry, history, champion, to_version)
        )
        return Version(
            decision="rolled_back",
            reason=f"rolled back from version {champion} to version {target.number}",
            champion_now=target.number,
            to_version=target.number,
            **_by_hand(target, champion, note),
        )

    return draft


def promotion(registry: Registry, version: int, note: str) -> Draft:
    """The record of a promotion by hand."""

    def draft(history: History, number: int) -> Version:
        champion = _champion_of(registry, history)
        entry = history.entry(version, registry.model)
        reigning = None if champion is None else history.get(champion)
        if reigning and reigning.version.digest == entry.version.digest:
            raise UnknownObject(
                f"version {version} of model {registry.model} has the checkpoint of the champion,"
                f" version {champion}, already: nothing to promote"
            )
        chosen = registry.intact(entry)
        return Version(
            decision="promoted",
            reason=f"version {version} was promoted by hand",
            champion_now=number,
            lost_bits=0.0,
            **_by_hand(chosen, champion, note),
        )

    return draft


def _by_hand(chosen: Champion, champion: int | None, note: str) -> dict[str, Any]:
    """The fields of a decision by hand about the checkpoint of a version."""
    return {
        **chosen.version.model_dump(include=of_checkpoint),
        "champion": champion,
        "champion_bits_per_character": None,  # nothing is measured
        "decided_by": "hand",
        "note": note,
    }


def _champion_of(registry: Registry, history: History) -> int | None:
    """Number of the champion; `UnknownObject` for a model without versions."""
    registry.refuse_empty(history)
    return next(history.champions(), None)


def _previous(registry: Registry, history: History, champion: int) -> Champion:
    """The newest version before the champion that was once champion, and is intact."""
    for number in history.champions():
        entry = history.get(number)
        if number == champion or entry is None:
            continue
        try:
            return registry.intact(entry)
        except UnknownObject as error:
            logger.warning("version %d is passed over: %s", number, error)
    raise UnknownObject(
        f"nothing to roll back to: model {registry.model} has no intact champion before version"
        f" {champion}; promote a version instead"
    )


def _earlier(registry: Registry, history: History, champion: int, number: int) -> Champion:
    """The version of that number, which must have been champion before the present one."""
    entry = history.entry(number, registry.model)
    wrong = None
    if number == champion:
        wrong = "is the champion already"
    elif entry.version.decision != "promoted":
        wrong = "was never champion"
    elif number in history.rolled_back:
        wrong = "was rolled back"
    if wrong:
        hint = "" if number == champion else ": promote it instead"
        raise UnknownObject(f"version {number} of model {registry.model} {wrong}{hint}")
    return registry.intact(entry)
