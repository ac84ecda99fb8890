"""Stores of both kinds, and small things to keep in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Barrier, Thread

import fsspec
import numpy as np
import pytest

from flows.storage import datasets, splits
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, Evaluation
from flows.storage.datasets import Dataset
from flows.storage.files import Store, open_store
from flows.storage.vocabulary import Vocabulary
from rnncore import Hyperparameters, TrainingState, train

vocabulary = Vocabulary("\n abcdefg")
text = "abba cab fade\nbad cafe\ndeaf face\n" * 6
tokens = vocabulary.encode(text)
facts: Mapping[str, object] = {
    "loss": 1.5,
    "smooth_loss": 1.75,
    "characters_per_second": 1e6,
    "held_out_bits_per_character": None,
    "snapshot": None,
    "corpus": ("corpus.txt",),
    "cpu": "one of its kind",
    "versions": {"numpy": "2"},
}


class PassingStore:
    """A store that hands everything on to another: faults are planted by overriding."""

    def __init__(self, store: Store) -> None:
        self.inner = store
        self.url = store.url
        self.exclusive = store.exclusive

    def read(self, path: str) -> bytes:
        return self.inner.read(path)

    def names(self, folder: str) -> list[str]:
        return self.inner.names(folder)

    def leftovers(self, folder: str, seconds: float) -> list[str]:
        return self.inner.leftovers(folder, seconds)

    def temporary(self, folder: str, seconds: float) -> list[str]:
        return self.inner.temporary(folder, seconds)

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        self.inner.create(path, data, private=private)

    def put(self, path: str, data: bytes) -> None:
        self.inner.put(path, data)

    def remove(self, path: str) -> None:
        self.inner.remove(path)

    def location(self, path: str) -> str:
        return self.inner.location(path)


@pytest.fixture(autouse=True)
def fresh_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees datasets, copies or memory files of another."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    datasets.load.cache_clear()
    splits.load_split.cache_clear()
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.fixture(params=["local", "memory"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be made: a local folder, then an object store."""
    return str(tmp_path / "store") if request.param == "local" else "memory://bucket/store"


@pytest.fixture
def store(store_url: str) -> Store:
    """A store of either kind, empty."""
    return open_store(store_url)


@pytest.fixture
def local(tmp_path: Path) -> Store:
    """A local store, empty."""
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns so often that every race has its chance."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def at_once(count: int, work: Callable[[int], None]) -> None:
    """Run `work` with each number below `count`, all starting together."""
    barrier = Barrier(count)

    def start(number: int) -> None:
        barrier.wait()
        work(number)

    threads = [Thread(target=start, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def make_state(dtype: str = "float64", batch_size: int = 1, iterations: int = 5) -> TrainingState:
    """A small state, trained a little, so that no array of it is all zero."""
    options = Hyperparameters(hidden_size=6, seq_length=4, batch_size=batch_size, dtype=dtype)
    state = TrainingState.initial(len(vocabulary), options, seed=3)
    train(state, tokens, iterations)
    return state


def assert_same_state(expected: TrainingState, actual: TrainingState) -> None:
    """Every array and number of two states is the same, and of the same type."""
    for part in ("parameters", "adagrad"):
        pairs = zip(getattr(expected, part).items(), getattr(actual, part), strict=True)
        for (name, wanted), found in pairs:
            assert wanted.dtype == found.dtype
            np.testing.assert_array_equal(wanted, found, err_msg=f"{part}.{name}", strict=True)
    np.testing.assert_array_equal(expected.hidden, actual.hidden, strict=True)
    assert expected.position == actual.position
    assert expected.iteration == actual.iteration
    assert expected.smooth_loss == actual.smooth_loss
    assert expected.hyperparameters == actual.hyperparameters


def stored(store: Store, *texts: str) -> Dataset:
    """A dataset of `texts`, saved."""
    dataset = datasets.tokenise(list(texts))
    datasets.save(store, dataset)
    return dataset


def overwrite(store: Store, path: str, data: bytes) -> None:
    """Put other bytes in an object's place, as no part of the program may."""
    store.remove(path)
    store.put(path, data)


def flipped(data: bytes, position: int, bit: int = 0) -> bytes:
    """`data` with one bit turned over."""
    damaged = bytearray(data)
    damaged[position] ^= 1 << bit
    return bytes(damaged)


def open_log(store: Store, run_id: str = "0" * 16) -> CheckpointLog:
    """The checkpoints of a run of the default model."""
    return CheckpointLog(store, "default", run_id)


def commit(log: CheckpointLog, iterations: int, after: int | None = None) -> CheckpointRecord:
    """Commit the state of that iteration, behind what is there or behind `after`."""
    after = log.head() if after is None else after
    return log.commit(make_state(iterations=iterations), vocabulary, facts, after=after)


def evaluation_of(record: CheckpointRecord, bits: float = 2.5) -> Evaluation:
    """An evaluation of that checkpoint."""
    return Evaluation(
        iteration=record.iteration,
        digest=record.digest,
        train_bits_per_character=bits,
        held_out_bits_per_character=None,
    )
