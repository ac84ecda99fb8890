"""Checkpoints: the whole training state as an immutable payload, and a record that commits it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from flows.exceptions import DamagedObject, ObjectMissing, RunConflict, UnknownObject
from flows.storage import bounds
from flows.storage.canonical import digest
from flows.storage.damage import read_again_if_damaged, warn
from flows.storage.log import Listing, Log, Record
from flows.storage.order import Order, orders, unknown
from flows.storage.payload import Payload, largest_loss, read_payload, write_payload
from flows.storage.runs import is_run_id, run_folder
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import Arithmetic, TrainingState

Number = Annotated[float, Field(ge=-largest_loss, le=largest_loss)]


class Snapshot(BaseModel):
    """A short text sampled from the training's own hidden state, as the notebook prints it."""

    model_config = ConfigDict(frozen=True)

    seed: int  # the generator is numpy's default_rng([seed, iteration])
    priming: str  # the training's next input character
    text: str
    nats_per_character: Number


class CheckpointRecord(BaseModel):
    """A checkpoint in the log. Losses are in nats per character: the records are the loss curve."""

    model_config = ConfigDict(frozen=True)

    iteration: int = Field(ge=0)
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # SHA-256 of the payload
    size: int = Field(ge=0)  # bytes
    loss: Number | None  # mean over the iterations since the checkpoint before
    smooth_loss: Number
    characters_per_second: Number | None
    held_out_bits_per_character: Number | None
    rule: str | None = None  # by which those were measured; a run keeps it for all of its curve
    snapshot: Snapshot | None
    corpus: tuple[str, ...]  # URLs, without secrets
    cpu: str
    versions: dict[str, str]
    commit: str | None = None  # of the program's code, where that is in git
    arithmetic: Arithmetic | None = None  # the order of its additions; None: of version 0.1.0
    order: Order | None = None  # of the run among the model's; in its first record


class EvaluationRecord(BaseModel):
    """How well a checkpoint predicts text, in the log, by one rule of reading it.

    The rule "blocks" reads each block from a hidden state of zeros; None, as in records of before,
    reads the whole text as one.
    """

    model_config = ConfigDict(frozen=True)

    iteration: int
    digest: str
    train_bits_per_character: Number
    held_out_bits_per_character: Number | None
    rule: str | None = None
    characters: int | None = None  # of the held-out text that were read; None: all of it


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
        self._folder = run_folder(model, run_id)
        self._log = Log(store, f"{self._folder}/log")
        self._what = f"run {run_id} of model {model}"
        self._is_of_run = is_of_run

    def payload_path(self, sha256: str) -> str:
        """Path of a payload in the store."""
        return f"{self._folder}/data/{sha256}.safetensors"

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is intact in every byte, or None where there is none.

        What is corrupt is reported and skipped; one of a newer format is an error, since to go on
        from an older one would fork the run.
        """
        listing = self._log.list_records()
        for _, record in listing.contents("checkpoint", CheckpointRecord):
            try:
                return Checkpoint(record, self.read(record), listing.head)
            except DamagedObject as error:
                warn(error, "going on from the newest intact checkpoint")
        return None

    def head(self) -> int:
        """Number of the newest record, intact or not; -1 where there is none."""
        return self._log.list_records().head

    @read_again_if_damaged
    def read(self, record: CheckpointRecord) -> Payload:
        """The payload of `record`, verified."""
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
        for _, record in self._log.list_records().contents("checkpoint", CheckpointRecord):
            if record.digest == sha256:
                return record
        raise UnknownObject(f"{self._what} has no checkpoint {sha256}")

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

    def add_evaluation(self, evaluation: EvaluationRecord) -> EvaluationRecord:
        """Record how well a checkpoint predicts text, unless that is recorded already."""

        def draft(listing: Listing) -> EvaluationRecord | Record:
            known = listing.contents("evaluation", EvaluationRecord)
            return next((record for record, found in known if found == evaluation), evaluation)

        return self._log.update("evaluation", draft).parse(EvaluationRecord)

    def _is_same(self, content: CheckpointRecord) -> Callable[[Record], bool]:
        """Tells whether a record is that checkpoint; `RunConflict` if it is another one."""

        def accept(winner: Record) -> bool:
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
    for run_id in filter(is_run_id, store.names(f"models/{model}/runs")):
        log = Log(store, f"{run_folder(model, run_id)}/log")
        record = next(log.list_records().newest_first("checkpoint"), None)
        if record:
            found.append((numbers.get(run_id, unknown), record.created_at, run_id))
    if not found:
        raise UnknownObject(f"model {model} has no checkpoint in {store.url}: train it first")
    return max(found)[-1]
