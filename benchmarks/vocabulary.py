"""Claim: with a large vocabulary, training is near the limits of memory and arithmetic.

The weights of the output layer, Why, and Adagrad's sums for them do not fit into the level-2 cache.
An iteration reads Why for the scores and for the gradient of the hidden state, and reads and writes
Why and the sums in the update: six passes over as many bytes.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.batches import matrix_products
from benchmarks.side_by_side import Claim, Work, compare
from benchmarks.texts import random_tokens
from rnncore import Hyperparameters, TrainingState, train

vocabulary_size = 5_000
threads = 2
options = Hyperparameters()


def measure() -> list[Claim]:
    """One stream of hidden 100, as characters, bytes of weights, and operations."""
    what = f"training, one stream, {vocabulary_size:,} characters"
    weights = vocabulary_size * options.hidden_size
    megabytes = 6 * weights * 4 / 1e6 / options.seq_length  # for each character
    operations = 6 * weights / 1e6
    claims = compare(f"{what}, memory", "MB/s", ours(megabytes), {"numpy adds arrays": passes()})
    matrices = {"matrix products in numpy": matrix_products(2048)}
    return claims + compare(f"{what}, arithmetic", "MFLOP/s", ours(operations), matrices)


def ours(per_character: float, iterations: int = 1_000) -> Work:
    """This project, in a unit of which a character has so many."""
    state = TrainingState.initial(vocabulary_size, options, seed=0)
    tokens = random_tokens(vocabulary_size, 200_000)

    def work() -> float:
        train(state, tokens, iterations)
        return iterations * options.seq_length * per_character

    return work


def passes(times: int = 2_000) -> Work:
    """Three passes over arrays of this size, in threads: two are read, and one is written."""
    arrays = np.ones((threads, 2, vocabulary_size * options.hidden_size // threads), np.float32)
    pool = ThreadPoolExecutor(threads)

    def add(pair: int) -> None:
        sums, weights = arrays[pair]
        for _ in range(times):
            np.add(sums, weights, out=sums)

    def work() -> float:
        list(pool.map(add, range(threads)))
        return 3 * times * arrays[:, 0].nbytes / 1e6

    return work
