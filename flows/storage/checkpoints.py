"""Checkpoints: the whole training state as an immutable payload, and a record that commits it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from flows.storage.canonical import digest
from flows.storage.exceptions import DamagedObject, ObjectMissing, RunConflict, UnknownObject
from flows.storage.files import Store, read_again_if_damaged
from flows.storage.log import Log, Record, RecordConflict
from flows.storage.payload import Payload, read_payload, write_payload
from flows.storage.runs import is_run_id, run_folder
from flows.storage.vocabulary import Vocabulary
from rnncore import TrainingState


class Snapshot(BaseModel):
    """A short text drawn from the training's own memory, as the notebook prints it."""

    model_config = ConfigDict(frozen=True)

    seed: int  # the generator is numpy's default_rng([seed, iteration])
    priming: str  # the training's next input character
    text: str
    nats_per_character: float


class CheckpointRecord(BaseModel):
    """What the log says of a checkpoint. Losses are nats a character: the records are the curve."""

    model_config = ConfigDict(frozen=True)

    iteration: int
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")  # SHA-256 of the payload
    size: int  # bytes
    loss: float | None  # mean over the iterations since the checkpoint before
    smooth_loss: float
    characters_per_second: float | None
    held_out_bits_per_character: float | None
    snapshot: Snapshot | None
    corpus: tuple[str, ...]  # URLs, without secrets
    cpu: str
    versions: dict[str, str]


class Evaluation(BaseModel):
    """What the log says of a checkpoint's quality."""

    model_config = ConfigDict(frozen=True)

    iteration: int
    digest: str
    train_bits_per_character: float
    held_out_bits_per_character: float | None


class Checkpoint(NamedTuple):
    """A checkpoint read back, and the number that the next record goes behind."""

    record: CheckpointRecord
    payload: Payload
    after: int


class CheckpointLog:
    """The checkpoints and evaluations of one run."""

    def __init__(self, store: Store, model: str, run_id: str) -> None:
        self._store = store
        self._folder = run_folder(model, run_id)
        self._log = Log(store, f"{self._folder}/log")
        self._what = f"run {run_id} of model {model}"

    def payload_path(self, sha256: str) -> str:
        """Path of a payload in the store."""
        return f"{self._folder}/data/{sha256}.safetensors"

    def newest(self, problems: list[DamagedObject] | None = None) -> Checkpoint | None:
        """The newest checkpoint that is sound in every byte, or None where there is none.

        What is damaged is passed over and added to `problems`; one of a newer format is an error,
        since going on behind it would fork the run.
        """
        listing = self._log.look()
        problems = [] if problems is None else problems
        found = None
        for _, record in listing.contents("checkpoint", CheckpointRecord):
            try:
                found = Checkpoint(record, self.read(record), listing.head)
                break
            except DamagedObject as error:
                if type(error) is not DamagedObject:
                    raise
                problems.append(error)
        problems.extend(listing.damaged)
        return found

    def head(self) -> int:
        """Number of the newest record, sound or not; -1 where there is none."""
        return self._log.look().head

    @read_again_if_damaged
    def read(self, record: CheckpointRecord) -> Payload:
        """The payload of `record`, verified."""
        path = self.payload_path(record.digest)
        name = f"checkpoint {record.iteration} ({self._store.location(path)})"
        try:
            data = self._store.read(path)
        except ObjectMissing as error:
            raise DamagedObject(name, "is missing") from error
        if len(data) != record.size:
            raise DamagedObject(name, f"truncated, {len(data)} of {record.size} bytes")
        if digest(data) != record.digest:
            raise DamagedObject(name, "sha256 mismatch, bytes were altered")
        payload = read_payload(name, data)
        if payload.state.iteration != record.iteration:
            raise DamagedObject(name, f"holds iteration {payload.state.iteration}")
        return payload

    def record(self, sha256: str) -> CheckpointRecord:
        """The newest record that names the payload of that digest."""
        for _, record in self._log.look().contents("checkpoint", CheckpointRecord):
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
        """Write payload, then record, behind number `after`; `facts` are the record's other fields.

        If another run wrote the same checkpoint first, its record stands; if it wrote another,
        `RunConflict` names it.
        """
        data = write_payload(state, vocabulary)
        content = CheckpointRecord.model_validate(
            {"iteration": state.iteration, "digest": digest(data), "size": len(data), **facts}
        )
        self._store.put(self.payload_path(content.digest), data)
        return self._append("checkpoint", content, after).parse(CheckpointRecord)

    def records(self) -> list[CheckpointRecord]:
        """Every sound checkpoint record by iteration; what was written twice is listed once."""
        found = self._log.look().contents("checkpoint", CheckpointRecord)
        by_iteration = {record.iteration: record for _, record in found}
        return [by_iteration[iteration] for iteration in sorted(by_iteration)]

    def evaluation(self, sha256: str) -> Evaluation | None:
        """The evaluation of the checkpoint with that digest, if it was made."""
        for _, evaluation in self._log.look().contents("evaluation", Evaluation):
            if evaluation.digest == sha256:
                return evaluation
        return None

    def add_evaluation(self, evaluation: Evaluation) -> Evaluation:
        """Write down how good a checkpoint is."""
        head = self.head()
        return self._append("evaluation", evaluation, head).parse(Evaluation)

    def _append(self, kind: str, content: CheckpointRecord | Evaluation, after: int) -> Record:
        """Append behind `after`, or behind records of another kind that came in between."""
        while True:
            try:
                return self._log.append(kind, content.model_dump(mode="json"), after=after)
            except RecordConflict as conflict:
                winner = conflict.winner
                theirs = (winner.content.get("iteration"), winner.content.get("digest"))
                if winner.kind == kind and theirs == (content.iteration, content.digest):
                    return winner  # the work is deterministic: theirs is ours
                if winner.kind == kind == "checkpoint":
                    raise RunConflict(
                        f"{self._what} was advanced by another run ({winner.writer}) to iteration"
                        f" {theirs[0]} at {winner.created_at}: start again to go on from there"
                    ) from conflict
                after = winner.number


def newest_run(store: Store, model: str) -> str:
    """The run of `model` whose newest checkpoint was written last."""
    times = []
    for run_id in filter(is_run_id, store.names(f"models/{model}/runs")):
        log = Log(store, f"{run_folder(model, run_id)}/log")
        record = next(log.look().newest_first("checkpoint"), None)
        if record:
            times.append((record.created_at, run_id))
    if not times:
        raise UnknownObject(f"model {model} has no checkpoint in {store.url}: train it first")
    return max(times)[1]
