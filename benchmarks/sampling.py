"""Claims: sampling many texts at once is many times faster than one by one in the notebook."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import notebook
from benchmarks.one_stream import tokens, vocabulary_size
from benchmarks.side_by_side import Claim, Work, compare
from rnncore import Hyperparameters, TrainingState, bits_per_character, sample_batch

length = 200
parameters = TrainingState.initial(vocabulary_size, Hyperparameters(), seed=0).parameters


def measure() -> list[Claim]:
    """256 texts of 200 characters, one text, and the evaluation of a text."""
    loop = {"notebook's sample loop": one_by_one(4)}
    claims = compare("sampling, 256 texts at once", "chars/s", at_once(256), loop)
    claims += compare("sampling, one text", "chars/s", at_once(1, times=100), loop)
    return claims + compare("evaluation", "chars/s", evaluation(), loop)


def at_once(texts: int, times: int = 1) -> Work:
    """This project's batch of samples, drawn several times where it is short."""

    def work() -> float:
        for _ in range(times):
            sample_batch(
                parameters,
                np.zeros((texts, parameters.hidden_size), np.float32),
                np.zeros(texts, np.int64),
                length,
                rngs=[np.random.default_rng([0, number]) for number in range(texts)],
            )
        return times * texts * length

    return work


def one_by_one(texts: int) -> Work:
    """The notebook's loop, with its choice of a character."""
    weights = {
        name: np.asarray(array, np.float64).reshape(len(array), -1)
        for name, array in parameters.items()
    }
    rng = np.random.default_rng(0)

    def choose(p: NDArray[np.float64]) -> int:
        return int(rng.choice(vocabulary_size, p=p))

    def work() -> float:
        for _ in range(texts):
            h = np.zeros((parameters.hidden_size, 1))
            notebook.sample(weights, h, 0, length, choose)
        return texts * length

    return work


def evaluation() -> Work:
    """Bits per character of a text."""

    def work() -> float:
        bits_per_character(parameters, tokens)
        return len(tokens)

    return work
