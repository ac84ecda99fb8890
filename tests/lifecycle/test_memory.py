"""A corpus is read, profiled and trained on in memory that does not grow with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.texts import make_text

megabytes = 200
script = """
import sys
import numpy as np
from flows.corpus import CorpusRequest
from flows.lifecycle.ingestion import open_corpus
from flows.lifecycle.profiling import ensure_profile
from flows.parameters import ReadingOptions
from flows.storage import datasets
from flows.storage.stores import open_store
from rnncore import Hyperparameters, TrainingState, train

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

def read(file, folder):
    store = open_store(folder)
    with open_corpus(store, CorpusRequest(file, "utf-8", ReadingOptions(), {}), lambda _: None) as opened:
        text = opened.text()
        opened.save(text)
        ensure_profile(store, text.dataset_id, opened.files)
    return datasets.load(store, text.dataset_id)

def learn(dataset):
    training = dataset.split(0.05, "content").training
    network = Hyperparameters(hidden_size=1, batch_size=64)
    state = TrainingState.initial(len(dataset.vocabulary), network, seed=0)
    for _ in range(10):
        train(state, training, 20)
        state.position += len(training) // 64 // 10 - 200

small, large, store = sys.argv[1:]
learn(read(small, store))
before = kilobytes("VmHWM")
dataset = read(large, store)
print(kilobytes("VmHWM") - before)
learn(dataset)
print(kilobytes("VmHWM") - before)
"""


@pytest.fixture
def corpora(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A text of half a megabyte, and one of 200."""
    part = make_text([200_000], seed=1).encode()
    small, large = tmp_path / "small.txt", tmp_path / "large.txt"
    small.write_bytes(part)
    with large.open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(part)):
            file.write(part)
    yield str(small), str(large)
    large.unlink()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_neither_reading_nor_training_takes_memory_for_the_text(
    corpora: tuple[str, str], tmp_path: Path
) -> None:
    """Not even a quarter of it; pages of files that were mapped count as well."""
    command = [sys.executable, "-c", script, *corpora, str(tmp_path / "store")]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    read, trained = map(int, output.split())

    assert read < megabytes * 250
    assert trained < megabytes * 250
