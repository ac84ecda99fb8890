"""The registry: a model's versions, each a decision whether a checkpoint becomes its champion."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.exceptions import DamagedObject, NewerFormat, UnknownObject
from flows.storage.files import Store
from flows.storage.log import Listing, Log, RecordConflict
from flows.storage.payload import Payload


class Version(BaseModel):
    """What was decided of a checkpoint, and on what grounds."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    decision: Literal["promoted", "rejected"]
    reason: str  # for people
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    iteration: int
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # SHA-256 of the payload
    bits_per_character: float | None  # on its run's held-out text; None where nothing is held out
    champion: int | None  # number of the version that it was measured against
    champion_bits_per_character: float | None  # of that, on the same text


class Champion(NamedTuple):
    """A promoted version and its checkpoint, read back."""

    number: int
    version: Version
    record: CheckpointRecord
    payload: Payload


class Decision(NamedTuple):
    """A version, and the number of the model's champion now."""

    number: int
    version: Version
    champion: int | None


class Registry:
    """The versions of one model, numbered from 0."""

    def __init__(self, store: Store, model: str) -> None:
        self._store = store
        self._model = model
        self._log = Log(store, f"models/{model}/versions")

    def champion(self, problems: list[DamagedObject]) -> Champion | None:
        """The version promoted last, of those that are sound with their checkpoints.

        What is damaged is passed over and added to `problems`.
        """
        return self._champion(_versions(self._log.look(), problems), problems)

    def decide(
        self,
        run_id: str,
        sha256: str,
        judge: Callable[[Champion | None], Version],
        problems: list[DamagedObject],
    ) -> Decision:
        """What was decided of a checkpoint, or else what `judge` decides now beside the champion.

        It is asked again, with the new champion, where another run decides at the same time.
        """
        while True:
            problems.clear()
            listing = self._log.look()
            versions = _versions(listing, problems)
            champion = self._champion(versions, problems)
            number = champion.number if champion else None
            for known, version in versions.items():
                if (version.run_id, version.digest) == (run_id, sha256):
                    return Decision(known, version, number)
            version = judge(champion)
            content = version.model_dump(mode="json")
            with suppress(RecordConflict):
                added = self._log.append("version", content, after=listing.head).number
                return Decision(added, version, added if version.decision == "promoted" else number)

    def _champion(
        self, versions: dict[int, Version], problems: list[DamagedObject]
    ) -> Champion | None:
        for number, version in versions.items():
            if version.decision != "promoted":
                continue
            log = CheckpointLog(self._store, self._model, version.run_id)
            try:
                record = log.record(version.digest)
                return Champion(number, version, record, log.read(record))
            except NewerFormat:
                raise
            except (DamagedObject, UnknownObject) as error:
                problems.append(DamagedObject(f"version {number} of {self._model}", str(error)))
        return None


def _versions(listing: Listing, problems: list[DamagedObject]) -> dict[int, Version]:
    """Sound versions by number, newest first."""
    found = dict(listing.contents("version", Version))
    problems.extend(listing.damaged)
    return found
