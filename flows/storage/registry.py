"""The registry: a model's versions, each a decision whether a checkpoint becomes its champion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, parse_content
from flows.storage.exceptions import DamagedObject, NewerFormat, UnknownObject
from flows.storage.files import Store
from flows.storage.log import Listing, Log, RecordConflict
from flows.storage.payload import Payload

kind = "version"  # of the records


class Version(BaseModel):
    """What was decided of a checkpoint, and on what grounds."""

    model_config = ConfigDict(frozen=True)

    decision: Literal["promoted", "rejected"]
    reason: str  # for people
    run_id: str
    iteration: int
    digest: str  # SHA-256 of the payload
    bits_per_character: float | None  # on its run's held-out text; None where nothing is held out
    champion: int | None  # number of the version that it was measured against
    champion_bits_per_character: float | None  # of that, on the same text


class Champion(NamedTuple):
    """A promoted version and its checkpoint, read back."""

    number: int
    version: Version
    record: CheckpointRecord
    payload: Payload


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
        listing = self._log.look()
        champion = self._champion(listing, problems)
        problems.extend(listing.damaged)
        return champion

    def decide(
        self,
        run_id: str,
        sha256: str,
        judge: Callable[[Champion | None], Version],
        problems: list[DamagedObject],
    ) -> tuple[int, Version]:
        """Number and version of a checkpoint: what was decided, or else what `judge` decides now.

        `judge` is given the champion, and asked again where another run decides at the same time.
        """
        while True:
            listing = self._log.look()
            for number, version in _versions(listing, []):
                if (version.run_id, version.digest) == (run_id, sha256):
                    return number, version
            found: list[DamagedObject] = []
            version = judge(self._champion(listing, found))
            try:
                self._log.append(kind, version.model_dump(mode="json"), after=listing.head)
            except RecordConflict:
                continue
            problems.extend([*found, *listing.damaged])
            return listing.head + 1, version

    def _champion(self, listing: Listing, problems: list[DamagedObject]) -> Champion | None:
        for number, version in _versions(listing, problems):
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


def _versions(listing: Listing, problems: list[DamagedObject]) -> Iterator[tuple[int, Version]]:
    """Number and content of each sound version, newest first."""
    for record in listing.newest_first(kind):
        try:
            yield record.number, parse_content(Version, record)
        except DamagedObject as error:
            problems.append(error)
