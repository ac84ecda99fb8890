"""Random damage to objects of every kind: it must be reported, or change nothing that is read."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from flows.exceptions import DamagedObject
from flows.storage import datasets, reports
from flows.storage.checkpoints import CheckpointLog, EvaluationRecord
from flows.storage.payload import write_payload
from flows.storage.runs import load_run, make_run, save_run
from flows.storage.stores import Store
from rnncore import Hyperparameters
from tests.support.damage import reported
from tests.support.reports import place, save
from tests.support.reports import rows as sample_rows
from tests.support.states import facts, make_state, stored, text, vocabulary
from tests.support.stores import flipped, overwrite, reopened

page = 4096  # bytes
Read = Callable[[], Any]


class Subject:
    """A store with one object of every kind."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.dataset_id = stored(store, text).manifest.dataset_id
        run = make_run(
            self.dataset_id, held_out=0.1, split="content", seed=0, network=Hyperparameters()
        )
        self.run_id = run.run_id
        save_run(store, "default", run)
        self.log = CheckpointLog(store, "default", self.run_id)
        for number in range(3):
            self.log.commit(make_state(iterations=number), vocabulary, facts, after=number - 1)
        self.newest = self.log.records()[-1]
        self._add_report()

    @property
    def report(self) -> str:
        """Path of its report."""
        return place._replace(report_id=self.run_id).samples()

    def objects(self) -> dict[str, Read]:
        """The path of each object, and the function that reads it."""
        folder = f"models/default/runs/{self.run_id}"
        dataset = datasets.dataset_folder(self.dataset_id)
        return {
            self.log.payload_path(self.newest.digest): self.read_newest,
            f"{folder}/log/000000000002.json": self.read_newest,
            f"{folder}/run.json": lambda: load_run(self.reopened, "default", self.run_id),
            f"{dataset}/manifest.json": self.read_dataset,
            f"{dataset}/vocabulary.json": self.read_dataset,
            f"{dataset}/tokens.npy": self.read_dataset,
            self.report: lambda: reports.load(self.reopened, "default", self.run_id).to_pydict(),
            "models/default/reports/000000000000.json": self.read_manifest,
        }

    @property
    def reopened(self) -> Store:
        """The store as another process opens it."""
        return reopened(self.store.url)

    def read_newest(self) -> Any:
        """The newest intact checkpoint, byte for byte."""
        newest = CheckpointLog(self.reopened, "default", self.run_id).newest()
        return newest and (newest.record, write_payload(*newest.payload))

    def read_dataset(self) -> Any:
        """The text of the dataset."""
        found = datasets.load(self.reopened, self.dataset_id)
        return found.vocabulary.decode(found.tokens)

    def read_manifest(self) -> Any:
        """The log's record of the report."""
        return reports.manifest(self.reopened, "default", self.report)

    def _add_report(self) -> None:
        digest, iteration = self.newest.digest, self.newest.iteration
        names = {"report_id": self.run_id, "run_id": self.run_id, "checkpoint_digest": digest}
        rows = [sample_rows[-1] | {"text": "abba" * 20, "sample_number": n} for n in range(20)]
        save(self.store, rows, **names)
        self.log.add_evaluation(
            EvaluationRecord(
                iteration=iteration,
                digest=digest,
                train_bits_per_character=2.0,
                held_out_bits_per_character=None,
            )
        )


def damage_everything(store: Store, times: int, seed: int) -> tuple[Counter[str], list[str]]:
    """Damage a random object `times` times; the counts, and the damage that was not detected."""
    subject = Subject(store)
    objects = subject.objects()
    rng = random.Random(seed)
    counts: Counter[str] = Counter()
    undetected = []
    for _ in range(times):
        path = rng.choice(list(objects))
        intact, expected = store.read(path), objects[path]()
        how, data = damage(intact, rng)
        overwrite(store, path, data)
        outcome = check(objects[path], expected)
        overwrite(store, path, intact)
        counts["corruptions"] += 1
        counts[outcome] += 1
        if outcome == "silent":
            undetected.append(f"{how} of {path}")
    return counts, undetected


def check(read: Read, expected: Any) -> str:
    """Whether damage was reported, changed nothing, or was not detected ("silent")."""
    try:
        with reported() as problems:
            found = read()
    except DamagedObject:
        return "reported"
    if problems:
        return "reported and skipped"
    return "harmless" if found == expected else "silent"


def damage(data: bytes, rng: random.Random) -> tuple[str, bytes]:
    """A kind of damage, and `data` with it: a flipped bit, truncated, a zeroed page, longer."""
    how = rng.choice(("flip", "truncation", "zeroed page", "appended bytes"))
    at = rng.randrange(len(data))
    if how == "flip":
        return how, flipped(data, at, rng.randrange(8))
    if how == "truncation":
        return how, data[:at]
    if how == "zeroed page":
        start = at - at % page
        zeros = bytes(min(page, len(data) - start))
        return how, data[:start] + zeros + data[start + len(zeros) :]
    return how, data + rng.randbytes(rng.randrange(1, 100))
