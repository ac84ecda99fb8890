"""Claims: sampling many texts at once is many times faster than one by one in the notebook."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks import notebook
from benchmarks.one_stream import tokens, vocabulary_size
from benchmarks.side_by_side import Claim, Work, compare
from rnncore import Hyperparameters, TrainingState, bits_per_character, draw, sample_batch

length = 200
parameters = TrainingState.initial(vocabulary_size, Hyperparameters(), seed=0).parameters


def measure() -> list[Claim]:
    """256 texts of 200 characters, without and with nats, one text, and the evaluation of a text."""
    loop = {"notebook's sample loop": one_by_one(4)}
    claims = compare("sampling, 256 texts at once", "chars/s", at_once(256), loop)
    with_nats = {"notebook's sample loop, with nats": one_by_one(4, with_nats=True)}
    claims += compare("sampling with nats, 256 texts at once", "chars/s", drawing(256), with_nats)
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


def drawing(texts: int) -> Work:
    """The same with what each character costs, at another temperature."""
    uniforms = np.random.default_rng(0).random((texts, length))

    def work() -> float:
        hidden = np.zeros((texts, parameters.hidden_size), np.float32)
        draw(parameters, hidden, np.zeros(texts, np.int64), uniforms, temperature=0.8)
        return texts * length

    return work


def one_by_one(texts: int, *, with_nats: bool = False) -> Work:
    """The notebook's loop, with its choice of a character."""
    weights = {
        name: np.asarray(array, np.float64).reshape(len(array), -1)
        for name, array in parameters.items()
    }
    rng, nats = np.random.default_rng(0), list[float]()

    def choose(p: NDArray[np.float64]) -> int:
        token = int(rng.choice(vocabulary_size, p=p))
        if with_nats:
            nats.append(-np.log(p[token]))
        return token

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
