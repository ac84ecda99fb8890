"""Checkpoints: the whole training state as an immutable payload, and a record that commits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple

from flows.exceptions import (
    CheckpointRetired,
    DamagedObject,
    ObjectMissing,
    RunConflict,
    UnknownObject,
)
from flows.storage import bounds
from flows.storage.canonical import digest
from flows.storage.checkpoint_records import CheckpointRecord, EvaluationRecord, Snapshot
from flows.storage.damage import read_again_if_damaged, warn
from flows.storage.log import Listing, Log, Record
from flows.storage.names import digest_of_payload
from flows.storage.order import orders, unknown
from flows.storage.payload import Payload, read_payload, write_payload
from flows.storage.retirement import removal, removed, retired
from flows.storage.runs import run_folder, runs_of
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import TrainingState

__all__ = [
    "Checkpoint",
    "CheckpointLog",
    "CheckpointRecord",
    "EvaluationRecord",
    "Snapshot",
    "newest_run",
]


class Checkpoint(NamedTuple):
    """A checkpoint read back, and the number to append the next record after."""

    record: CheckpointRecord
    payload: Payload
    after: int


class CheckpointLog:
    """The checkpoints and evaluations of one run."""

    def __init__(
        self,
        store: Store,
        model: str,
        run_id: str,
        is_of_run: Callable[[Payload], bool] = lambda _: True,
    ) -> None:
        """`is_of_run` tells whether a payload has the network and the characters of the run."""
        self._store = store
        self.run_id = run_id
        self._folder = run_folder(model, run_id)
        self._log = Log(store, f"{self._folder}/log")
        self._what = f"run {run_id} of model {model}"
        self._is_of_run = is_of_run

    def payload_path(self, sha256: str) -> str:
        """Path of a payload in the store."""
        return f"{self._folder}/data/{sha256}.safetensors"

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is intact in every byte, or None where there is none.

        What is corrupt is reported and skipped, what was retired is skipped; one of a newer format is
        an error, since to go on from an older one would fork the run. A run that is being removed has
        none.
        """
        listing = self._log.list_records()
        if removed(listing):
            return None
        for _, record in listing.contents("checkpoint", CheckpointRecord):
            try:
                return Checkpoint(record, self.read(record), listing.head)
            except CheckpointRetired:
                continue
            except DamagedObject as error:
                warn(error, "going on from the newest intact checkpoint")
        return None

    def head(self) -> int:
        """Number of the newest record, intact or not; -1 where there is none."""
        return self._log.list_records().head

    def read(self, record: CheckpointRecord) -> Payload:
        """The payload of `record`, verified; `CheckpointRetired` where retention removed it."""
        try:
            return self._read(record)
        except DamagedObject as error:
            if isinstance(error.__cause__, ObjectMissing):
                self._check_not_retired(record)
            raise

    @read_again_if_damaged
    def _read(self, record: CheckpointRecord) -> Payload:
        path = self.payload_path(record.digest)
        name = f"checkpoint {record.iteration} ({self._store.location(path)})"
        try:
            data = self._store.read(path, min(record.size, bounds.payload))
        except ObjectMissing as error:
            raise DamagedObject(name, "is missing") from error
        except DamagedObject as error:
            raise DamagedObject(name, error.reason) from error
        if len(data) != record.size:
            raise DamagedObject(name, f"truncated, {len(data)} of {record.size} bytes")
        if digest(data) != record.digest:
            raise DamagedObject(name, "sha256 mismatch, bytes were altered")
        payload = read_payload(name, data)
        if payload.state.iteration != record.iteration:
            raise DamagedObject(name, f"holds iteration {payload.state.iteration}")
        if not self._is_of_run(payload):
            raise DamagedObject(
                name, f"its network or its characters are not those of {self._what}"
            )
        return payload

    def record(self, sha256: str) -> CheckpointRecord:
        """The newest record that names the payload of that digest."""
        listing = self._log.list_records()
        for _, record in listing.contents("checkpoint", CheckpointRecord):
            if record.digest == sha256:
                return record
        if listing.head < 0:
            raise UnknownObject(self._is_absent())
        raise UnknownObject(f"{self._what} has no checkpoint {sha256}")

    def month(self, sha256: str) -> str:
        """The month, as 2026-11, of the first record that names the payload of that digest."""
        contents = self._log.list_records().contents("checkpoint", CheckpointRecord)
        times = [found.created_at for found, record in contents if record.digest == sha256]
        if not times:
            self.record(sha256)  # says why there is none
        return f"{datetime.fromisoformat(times[-1]):%Y-%m}"

    def retired(self) -> set[str]:
        """Digests of the checkpoints that retention has removed, or is about to."""
        return set(retired(self._log.list_records()))

    def is_being_removed(self) -> bool:
        """Whether retention is removing the whole run, or was when it was interrupted."""
        return removed(self._log.list_records()) is not None

    def check_not_removed(self) -> None:
        """Raise `CheckpointRetired` where the whole run is being removed, or was."""
        listing = self._log.list_records()
        if found := removed(listing):
            raise CheckpointRetired(self._sentence(self._what, found))
        if listing.head < 0:
            raise UnknownObject(self._is_absent())

    def is_removed(self) -> bool:
        """Whether retention has removed the log, or begun to remove the run; or nothing was trained."""
        listing = self._log.list_records()
        return listing.head < 0 or removed(listing) is not None

    def payloads(self) -> set[str]:
        """Digests of the payloads that are there, named by a record or not."""
        names = self._store.names(f"{self._folder}/data")
        return {sha256 for name in names if (sha256 := digest_of_payload(name))}

    def commit(
        self,
        state: TrainingState,
        vocabulary: Vocabulary,
        facts: Mapping[str, object],
        *,
        after: int,
    ) -> CheckpointRecord:
        """Write payload, then record, after number `after`; `facts` are the record's other fields.

        If another run wrote the same checkpoint first, its record is kept; if it wrote another,
        `RunConflict` names it.
        """
        data = write_payload(state, vocabulary)
        content = CheckpointRecord.model_validate(
            {"iteration": state.iteration, "digest": digest(data), "size": len(data), **facts}
        )
        bounds.check(self.payload_path(content.digest), len(data), bounds.payload)
        self._store.put(self.payload_path(content.digest), data)
        record = self._log.append_past("checkpoint", content, self._is_same(content), after=after)
        return record.parse(CheckpointRecord)

    def records(self) -> list[CheckpointRecord]:
        """Every intact checkpoint record by iteration; what was written twice is listed once."""
        found = self._log.list_records().contents("checkpoint", CheckpointRecord)
        by_iteration = {record.iteration: record for _, record in found}
        return [by_iteration[iteration] for iteration in sorted(by_iteration)]

    def evaluation(
        self, sha256: str, rule: str | None, characters: int | None = None
    ) -> EvaluationRecord | None:
        """The evaluation of the checkpoint with that digest, by `rule` on so many characters."""
        wanted = sha256, rule, characters
        return next(
            (
                found
                for found in self.evaluations()
                if (found.digest, found.rule, found.characters) == wanted
            ),
            None,
        )

    def evaluations(self) -> list[EvaluationRecord]:
        """All evaluations, newest first."""
        records = self._log.list_records().contents("evaluation", EvaluationRecord)
        return [found for _, found in records]

    def history(self) -> list[tuple[Record, CheckpointRecord | EvaluationRecord]]:
        """All intact records of checkpoints and of evaluations, oldest first."""
        listing = self._log.list_records()
        found: list[tuple[Record, CheckpointRecord | EvaluationRecord]] = []
        found += listing.contents("checkpoint", CheckpointRecord)
        found += listing.contents("evaluation", EvaluationRecord)
        return sorted(found, key=lambda pair: pair[0].number)

    def add_evaluation(self, evaluation: EvaluationRecord) -> EvaluationRecord:
        """Record how well a checkpoint predicts text, unless that is recorded already."""

        def draft(listing: Listing) -> EvaluationRecord | Record:
            known = listing.contents("evaluation", EvaluationRecord)
            return next((record for record, found in known if found == evaluation), evaluation)

        return self._log.update("evaluation", draft).parse(EvaluationRecord)

    def _check_not_retired(self, record: CheckpointRecord) -> None:
        """Raise `CheckpointRetired` where the log says that retention removed that payload."""
        listing = self._log.list_records()
        if found := removed(listing) or retired(listing).get(record.digest):
            name = f"checkpoint {record.iteration} of {self._what}"
            raise CheckpointRetired(self._sentence(name, found))

    def _sentence(self, name: str, found: Record) -> str:
        return (
            f"{name} was removed by retention on {found.created_at[:10]}"
            f" ({found.content.get('reason')}): ask for one that is kept, or train it again"
        )

    def _is_absent(self) -> str:
        return (
            f"{self._what} has no checkpoint in {self._store.url}: it was not trained, or retention"
            " removed it; ask for one that is kept, or train it again"
        )

    def _is_same(self, content: CheckpointRecord) -> Callable[[Record], bool]:
        """Tells whether a record is that checkpoint; `RunConflict` if it is another one."""

        def accept(winner: Record) -> bool:
            if winner.kind == removal:
                raise RunConflict(
                    f"{self._what} was removed by {winner.writer} at {winner.created_at}, while it was"
                    " trained: start again"
                )
            if winner.kind != "checkpoint":
                return False
            theirs = (winner.content.get("iteration"), winner.content.get("digest"))
            if theirs == (content.iteration, content.digest):
                return True  # the work is deterministic: their record is as good as ours
            raise RunConflict(
                f"{self._what} was advanced by another run ({winner.writer}) to iteration"
                f" {theirs[0]} at {winner.created_at}: start again to go on from there"
            )

        return accept


def newest_run(store: Store, model: str) -> str:
    """The run of `model` that was started, or decided about, last.

    Of runs without a number, which come before the others, the one trained last.
    """
    numbers, found = orders(store, model), []
    for run_id in runs_of(store, model):
        listing = Log(store, f"{run_folder(model, run_id)}/log").list_records()
        record = next(listing.newest_first("checkpoint"), None)
        if record and not removed(listing):
            found.append((numbers.get(run_id, unknown), record.created_at, run_id))
    if not found:
        raise UnknownObject(f"model {model} has no checkpoint in {store.url}: train it first")
    return max(found)[-1]
