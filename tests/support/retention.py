"""Models with runs and decisions to retain, a store with a clock of its own, and one that dies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import fsspec

from flows.storage import bounds, datasets
from flows.storage.checkpoints import CheckpointLog, EvaluationRecord
from flows.storage.names import is_own
from flows.storage.registry import Decision, Registry
from flows.storage.runs import make_run, save_run
from flows.storage.stores import Store
from flows.storage.versions import Version
from tests.support.states import facts, make_state, text, vocabulary
from tests.support.stores import StoreWrapper

day = 24 * 3600.0
corpus_text = text + "gag\n"  # with all characters of the states
network = make_state().hyperparameters


class ClockedStore(StoreWrapper):
    """Dates objects by a clock that the test sets; those from before by the real one."""

    def __init__(self, store: Store, now: float = 1e9) -> None:
        super().__init__(store)
        self.now = now
        self.times: dict[str, float] = {}

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        super().create(path, data, private=private)
        self.times[path] = self.now

    def put(self, path: str, data: bytes) -> None:
        super().put(path, data)
        self.times[path] = self.now

    def put_stream(
        self, path: str, pieces: Iterable[bytes | memoryview], *, private: bool = True
    ) -> str:
        self.times[path] = self.now
        return super().put_stream(path, pieces, private=private)

    def written(self, folder: str) -> dict[str, float]:
        prefix = f"{folder}/" if folder else ""
        found = super().written(folder)
        return {name: self.times.get(f"{prefix}{name}", at) for name, at in found.items()}


class Killed(BaseException):
    """Not an error that any code handles."""


class DyingStore(StoreWrapper):
    """Its process is killed before an operation on the store; after that nothing works."""

    def __init__(self, store: Store, operations: int) -> None:
        super().__init__(store)
        self.left = operations

    def _live(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        self._live()
        return super().read(path, most)

    def put_stream(
        self, path: str, pieces: Iterable[bytes | memoryview], *, private: bool = True
    ) -> str:
        self._live()
        return super().put_stream(path, pieces, private=private)

    def names(self, folder: str) -> list[str]:
        self._live()
        return super().names(folder)

    def written(self, folder: str) -> dict[str, float]:
        self._live()
        return super().written(folder)

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        self._live()
        super().create(path, data, private=private)

    def put(self, path: str, data: bytes) -> None:
        self._live()
        super().put(path, data)

    def remove(self, path: str) -> None:
        self._live()
        super().remove(path)

    def remove_folders(self, folder: str) -> None:
        self._live()
        super().remove_folders(folder)


def add_run(
    store: Store,
    model: str = "default",
    seed: int = 0,
    bits: Sequence[float] = (4.0, 2.0, 2.5, 3.0),
    *,
    corpus: str = corpus_text,
) -> CheckpointLog:
    """A run with a checkpoint at iteration 0, 1, 2 … with those bits per character."""
    dataset = datasets.tokenise([corpus])
    if not datasets.exists(store, dataset.manifest.dataset_id):
        datasets.save(store, dataset)
    run = make_run(
        dataset.manifest.dataset_id, held_out=0.1, split="content", seed=seed, network=network
    )
    save_run(store, model, run)
    log = CheckpointLog(store, model, run.run_id)
    for iteration, measured in enumerate(bits):
        add_checkpoint(log, iteration, measured)
    return log


def add_checkpoint(log: CheckpointLog, iteration: int, bits: float) -> None:
    """The next checkpoint of a run, evaluated."""
    state = make_state(iterations=iteration)
    record = log.commit(state, vocabulary, facts, after=log.head())
    log.add_evaluation(
        EvaluationRecord(
            iteration=iteration,
            digest=record.digest,
            train_bits_per_character=bits,
            held_out_bits_per_character=bits,
            rule="blocks",
        )
    )


def decide(
    store: Store, log: CheckpointLog, iteration: int, decision: str, model: str = "default"
) -> Decision:
    """A decision about the checkpoint of that iteration."""
    record = next(found for found in log.records() if found.iteration == iteration)
    version = Version.model_validate(
        {
            "decision": decision,
            "reason": "for the test",
            "run_id": log.run_id,
            "iteration": iteration,
            "digest": record.digest,
            "bits_per_character": None,
            "champion": None,
            "champion_bits_per_character": None,
            "goal": max(found.iteration for found in log.records()),
        }
    )
    return Registry(store, model).append(lambda _, __: version)


def roll_back(store: Store, to: int, model: str = "default") -> Decision:
    """A rollback to a version."""
    entry = Registry(store, model).version(to)
    changes = {"decision": "rolled_back", "to_version": to}
    return Registry(store, model).append(lambda _, __: entry.version.model_copy(update=changes))


def iterations(log: CheckpointLog) -> list[int]:
    """Of which iterations a run has the payload."""
    there = log.payloads()
    return [record.iteration for record in log.records() if record.digest in there]


def paths_in(store: Store) -> list[str]:
    """All objects of a store, but probes and temporary files."""
    if (root := store.local_file(".")) is not None:
        found = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]
    else:
        filesystem, root_path = fsspec.core.url_to_fs(store.url)
        found = [path.removeprefix(f"{root_path}/") for path in filesystem.find(root_path)]
    return sorted(path for path in found if not is_own(Path(path).name))


def folders_in(store: Store) -> list[str]:
    """All folders of a local store."""
    root = store.local_file(".")
    assert root
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir())
