"""Estimates bound what the kernels allocate, and are not far above it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest

from rnncore import (
    Hyperparameters,
    OuterStep,
    TrainingState,
    begin_rounds,
    estimates,
    finish_round,
    nats_per_character,
    shard_states,
    train,
)

shapes = pytest.mark.parametrize(
    ("vocabulary_size", "options"),
    [
        (40, {"hidden_size": 256, "seq_length": 10}),
        (40, {"hidden_size": 64, "seq_length": 100, "batch_size": 128}),
        (3000, {"hidden_size": 64, "seq_length": 50, "batch_size": 8}),
        (60, {"hidden_size": 300, "seq_length": 25, "batch_size": 16, "dtype": "float64"}),
    ],
    ids=["one stream", "long batch", "large vocabulary", "float64"],
)


def peak_of(work: Callable[[], object]) -> int:
    """Most bytes that are allocated at a time during `work`."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@shapes
def test_memory_is_estimated(vocabulary_size: int, options: dict[str, int | str]) -> None:
    """Of a new state, of its training, and of reading a text."""
    network = Hyperparameters(**options)  # type: ignore[arg-type]
    needed = network.batch_size * (network.seq_length + 2) * 2
    tokens = np.random.default_rng(0).integers(0, vocabulary_size, needed).astype(np.uint16)

    def initial() -> TrainingState:
        return TrainingState.initial(vocabulary_size, network, seed=0)

    state = initial()
    train(state, tokens, 1)  # compiles
    nats_per_character(state.parameters, tokens)
    size = estimates.state_bytes(vocabulary_size, network)
    made = peak_of(initial)
    trained = peak_of(lambda: train(state, tokens, 1)) + size
    read = peak_of(lambda: nats_per_character(state.parameters, tokens)) + size

    assert made <= estimates.initial_bytes(vocabulary_size, network) + 100_000 <= 3 * made
    assert trained <= estimates.training_bytes(vocabulary_size, network) <= 3 * trained
    assert read <= estimates.reading_bytes(vocabulary_size, network) <= 5 * read


@shapes
def test_memory_of_a_round_is_estimated(
    vocabulary_size: int, options: dict[str, int | str]
) -> None:
    """Of two shards, one after the other."""
    network = Hyperparameters(**options)  # type: ignore[arg-type]
    needed = network.batch_size * (network.seq_length + 2) * 2
    tokens = np.random.default_rng(0).integers(0, vocabulary_size, needed).astype(np.uint16)
    state = begin_rounds(TrainingState.initial(vocabulary_size, network, seed=0), 2)

    def work() -> None:
        shards = shard_states(state)
        for shard in shards:
            train(shard, tokens, 1)
        finish_round(state, shards, [1, 1], OuterStep(0.9, 0.3))

    work()  # compiles
    peak = peak_of(work) + estimates.state_bytes(vocabulary_size, network, 2)
    assert peak <= estimates.rounds_bytes(vocabulary_size, network, 2, 1) <= 4 * peak


def test_operations_grow_with_the_network_and_the_text() -> None:
    """An iteration of a batch costs as much as its characters, and one update."""
    one = estimates.training_operations(50, Hyperparameters())
    many = estimates.training_operations(50, Hyperparameters(batch_size=64))
    large = estimates.training_operations(50, Hyperparameters(hidden_size=1000))

    assert one < many < 64 * one
    assert 40 * one < large < 100 * one
