"""The registry of a model: its versions, its champion, and decisions by the gate and by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from flows.exceptions import DamagedObject, UnknownObject
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord
from flows.storage.damage import warn
from flows.storage.log import Listing, Log, Record
from flows.storage.order import next_order
from flows.storage.payload import Payload
from flows.storage.stores import Store
from flows.storage.versions import Entry, History, Version


class Champion(NamedTuple):
    """A version and its checkpoint, read back."""

    number: int
    version: Version
    record: CheckpointRecord
    payload: Payload


class Decision(NamedTuple):
    """A version, the number of the model's champion now, and what became of the decision."""

    number: int
    version: Version
    champion: int | None
    is_new: bool = True
    is_rolled_back: bool = False


class Registry:
    """The versions of one model, numbered from 0."""

    def __init__(self, store: Store, model: str) -> None:
        self.store = store
        self.model = model
        self._log = Log(store, f"models/{model}/versions")

    def listing(self) -> Listing:
        """The log of versions as it is now."""
        return self._log.list_records()

    def entry(self, number: int) -> Entry:
        """The record of that number, without the others; `DamagedObject` if it is corrupt."""
        record = self._log.read(number)
        return Entry(record.number, record.created_at, record.parse(Version))

    def location(self, number: int) -> str:
        """Where a person finds the record of a version."""
        return self._log.location(number)

    def history(self) -> History:
        """The versions, newest first; corrupt ones are reported and skipped."""
        return History.of(self._log.list_records())

    def refuse_empty(self, history: History) -> None:
        """Refuse a model without versions."""
        if not history.entries:
            raise UnknownObject(
                f"model {self.model} has no versions in {self.store.url}: check the names of model"
                " and store, or retrain it first"
            )

    def champion(self) -> Champion | None:
        """The champion; where it is corrupt, which is reported, the one before it."""
        return self._champion(self.history())

    def checkpoint(self, entry: Entry) -> Champion:
        """The checkpoint of a version, read back; an error says that it is gone or corrupt."""
        version = entry.version
        log = CheckpointLog(self.store, self.model, version.run_id)
        record = log.record(version.digest)
        return Champion(entry.number, version, record, log.read(record))

    def intact(self, entry: Entry) -> Champion:
        """As `checkpoint`; `UnknownObject` says what to do where it is gone or corrupt."""
        try:
            return self.checkpoint(entry)
        except (DamagedObject, UnknownObject) as error:
            raise UnknownObject(
                f"the checkpoint of version {entry.number} of model {self.model} was removed or is"
                f" corrupt ({error}): choose another version"
            ) from error

    def find_checkpoint(self, digest: str) -> Champion:
        """The checkpoint of that digest, of any version of the model; runs may share its bytes."""
        lost: DamagedObject | UnknownObject | None = None
        for entry in self.history().entries:
            if entry.version.digest == digest:
                try:
                    return self.checkpoint(entry)
                except (DamagedObject, UnknownObject) as error:
                    lost = lost or error
        missing = UnknownObject(f"model {self.model} has no version with checkpoint {digest}")
        raise lost or missing

    def decided_runs(self) -> set[str]:
        """The runs about which something was decided, in the store or removed since."""
        return {entry.version.run_id for entry in self.history().entries}

    def version(self, number: int) -> Entry:
        """The version of that number; `UnknownObject` says which there are."""
        return self.history().entry(number, self.model)

    def decision(self, run_id: str, sha256: str) -> Version | None:
        """What was decided about a checkpoint last, if anything was."""
        entry = self.history().about(run_id, sha256)
        return entry.version if entry else None

    def decide(
        self,
        run_id: str,
        sha256: str,
        judge: Callable[[History, Champion | None], Version],
    ) -> Decision:
        """The decision about a checkpoint that stands, or else what `judge` decides now.

        `judge` is called again where another run decides at the same time.
        """
        stands, was_rolled_back = None, False

        def draft(history: History, number: int) -> Version | int:
            nonlocal stands, was_rolled_back
            if stands := history.standing(run_id, sha256):
                was_rolled_back = stands.number in history.rolled_back
                return stands.number
            champion = self._champion(history)
            version = judge(history, champion)
            now = champion.number if champion else None
            if version.decision == "promoted":
                now = number
            return version.model_copy(update={"champion_now": now})

        decided = self.append(draft)
        return decided._replace(is_new=stands is None, is_rolled_back=was_rolled_back)

    def append(self, draft: Callable[[History, int], Version | int]) -> Decision:
        """Append the version that `draft` makes of the history and of the version's number.

        Where it returns the number of a version that is there, nothing is appended. Nothing is read
        after the record is written: a failure then would seem to say that it was not.
        """
        history = History([])

        def of_listing(listing: Listing) -> Version | Record:
            nonlocal history
            history = History.of(listing)
            version = draft(history, listing.head + 1)
            if isinstance(version, int):
                return self._log.read(version)
            order = next_order(self.store, self.model)
            return version.model_copy(update={"order": order})

        record = self._log.update("version", of_listing)
        version = record.parse(Version)
        now = history.with_entry(Entry(record.number, record.created_at, version))
        return Decision(record.number, version, next(now.champions(), None))

    def _champion(self, history: History) -> Champion | None:
        for number in history.champions():
            entry = history.get(number)
            try:
                if entry is None:
                    raise DamagedObject(self._log.location(number), "is missing")
                return self.checkpoint(entry)
            except (DamagedObject, UnknownObject) as error:
                name = f"version {number} of {self.model}"
                warn(DamagedObject(name, str(error)), "not used as champion")
        return None
