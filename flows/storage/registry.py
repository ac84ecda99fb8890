"""The registry: a model's versions, each a decision whether a checkpoint becomes its champion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import DamagedObject, UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.damage import warn
from flows.storage.log import Listing, Log, Record
from flows.storage.order import Order, next_order
from flows.storage.payload import Payload
from flows.storage.stores import Store


class Version(BaseModel):
    """What was decided about a checkpoint, and why."""

    model_config = ConfigDict(frozen=True, allow_inf_nan=False)

    decision: Literal["promoted", "rejected"]
    reason: str  # for people
    run_id: str = Field(pattern=r"^[0-9a-f]{16}$")
    iteration: int
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # SHA-256 of the payload
    bits_per_character: float | None  # on its run's held-out text; None where nothing is held out
    champion: int | None  # number of the version that it was measured against
    champion_bits_per_character: float | None  # of that, on the same text
    rule: str | None = None  # by which both were measured, as in `EvaluationRecord`
    order: Order | None = None  # among the model's runs and decisions


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

    def champion(self) -> Champion | None:
        """The version promoted last, of those that are intact with their checkpoints.

        What is corrupt is reported and skipped.
        """
        return self._champion(self._log.list_records())

    def decision(self, run_id: str, sha256: str) -> Version | None:
        """What was decided about a checkpoint, if anything was."""
        record = _decided(self._log.list_records(), run_id, sha256)
        return record.parse(Version) if record else None

    def decide(
        self, run_id: str, sha256: str, judge: Callable[[Champion | None], Version]
    ) -> Decision:
        """What was decided about a checkpoint, or else what `judge` decides now.

        `judge` gets the champion; it is called again where another run decides at the same time.
        """
        champion: Champion | None = None
        known: Record | None = None

        def draft(listing: Listing) -> Version | Record:
            nonlocal champion, known
            champion, known = self._champion(listing), _decided(listing, run_id, sha256)
            if known:
                return known
            order = next_order(self._store, self._model)
            return judge(champion).model_copy(update={"order": order})

        record = self._log.update("version", draft)
        version = record.parse(Version)
        number = champion.number if champion else None
        if known is None and version.decision == "promoted":
            number = record.number
        return Decision(record.number, version, number)

    def _champion(self, listing: Listing) -> Champion | None:
        for record, version in listing.contents("version", Version):
            if version.decision != "promoted":
                continue
            log = CheckpointLog(self._store, self._model, version.run_id)
            try:
                checkpoint = log.record(version.digest)
                return Champion(record.number, version, checkpoint, log.read(checkpoint))
            except (DamagedObject, UnknownObject) as error:
                name = f"version {record.number} of {self._model}"
                warn(DamagedObject(name, str(error)), "not used as champion")
        return None


def _decided(listing: Listing, run_id: str, sha256: str) -> Record | None:
    """The newest decision about a checkpoint."""
    for record, version in listing.contents("version", Version):
        if (version.run_id, version.digest) == (run_id, sha256):
            return record
    return None
