"""Claims: many lines are scored side by side, faster than numpy does and than one by one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.sampling import parameters
from benchmarks.side_by_side import Claim, Work, compare
from benchmarks.texts import random_tokens
from rnncore import nats_of_characters
from rnncore.network import forward, softmax_loss

at_once = 64  # lines side by side in numpy: as fast as it gets
lengths = np.random.default_rng(0).integers(20, 201, 3_000)
tokens = random_tokens(parameters.vocabulary_size, int(lengths.sum()))
lines = sorted(np.split(tokens, lengths.cumsum()[:-1]), key=len)


def measure() -> list[Claim]:
    """3,000 lines of 20 to 200 characters: the nats of each character."""
    others = {
        f"numpy, {at_once} lines at once": side_by_side(lines[:: len(lines) // 600]),
        "numpy, one line after the other": one_by_one(lines[:: len(lines) // 30]),
    }
    return compare("scoring lines", "chars/s", scoring(), others)


def scoring() -> Work:
    """This project's kernel."""

    def work() -> float:
        nats_of_characters(parameters, tokens, lengths.cumsum())
        return len(tokens)

    return work


def side_by_side(some: list[NDArray[np.unsignedinteger]]) -> Work:
    """The forward pass in numpy over lines of about the same length, padded to the longest."""

    def work() -> float:
        for start in range(0, len(some), at_once):
            group = some[start : start + at_once]
            padded = np.zeros((len(group[-1]), len(group)), np.int64)  # (T, B)
            for number, line in enumerate(group):
                padded[: len(line), number] = line
            nats_of(padded)
        return sum(map(len, some))

    return work


def one_by_one(some: list[NDArray[np.unsignedinteger]]) -> Work:
    """The same, line by line."""

    def work() -> float:
        for line in some:
            nats_of(line[:, None])
        return sum(map(len, some))

    return work


def nats_of(columns: NDArray[np.integer]) -> NDArray[np.floating]:
    """Nats (T - 1, B) of all but the first characters of lines, the columns (T, B)."""
    zeros = np.zeros((columns.shape[1], parameters.hidden_size), np.float32)
    hs = forward(parameters, columns[:-1], zeros)
    return softmax_loss(hs[1:] @ parameters.Why.T + parameters.by, columns[1:])[0]
