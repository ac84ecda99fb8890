"""Claim: text that is read from a file, block by block in random order, trains as fast as an array."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from benchmarks.side_by_side import Claim, Work, compare
from benchmarks.texts import random_tokens
from rnncore import Hyperparameters, TokenRanges, TrainingState, train
from rnncore.text import Tokens

vocabulary_size = 66
block = 1024  # tokens
networks = {
    "one stream": (Hyperparameters(), 20_000),
    "64 streams, hidden 128": (Hyperparameters(hidden_size=128, seq_length=50, batch_size=64), 100),
}


def measure() -> list[Claim]:
    """Blocks of a memory map of 200 MB against the same text as an array in memory."""
    claims = []
    with tempfile.TemporaryDirectory() as folder:
        text = blocks_of_a_map(Path(folder) / "tokens.npy")
        array = text[:]
        for name, (options, iterations) in networks.items():
            what = f"training, {name}, text in a file"
            ours, theirs = (trainer(options, iterations, tokens) for tokens in (text, array))
            claims += compare(what, "chars/s", ours, {"text in an array": theirs})
    return claims


def blocks_of_a_map(file: Path) -> TokenRanges:
    """Random text in random order, of which only windows are in memory."""
    np.save(file, np.tile(random_tokens(vocabulary_size, 20_000_000), 10))
    tokens = np.load(file, mmap_mode="r")
    starts = np.random.default_rng(0).permutation(len(tokens) // block) * block
    return TokenRanges(tokens, np.stack([starts, starts + block], axis=1))


def trainer(options: Hyperparameters, iterations: int, tokens: Tokens) -> Work:
    """Iterations on the text, each time on the next part of it."""
    state = TrainingState.initial(vocabulary_size, options, seed=0)

    def work() -> float:
        train(state, tokens, iterations)
        return iterations * options.seq_length * options.batch_size

    return work
