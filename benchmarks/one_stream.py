"""Claim: one stream trains many times faster than the notebook's loop in numpy."""

from __future__ import annotations

import numpy as np

from benchmarks.notebook import Notebook, names
from benchmarks.side_by_side import Claim, Work, compare
from benchmarks.texts import random_tokens
from rnncore import Hyperparameters, TrainingState, train

vocabulary_size = 66  # the notebook's text
tokens = random_tokens(vocabulary_size, 200_000)


def measure() -> list[Claim]:
    """Hidden 100, seq_length 10: both dtypes against the notebook's float64."""
    claims = []
    for dtype in ("float32", "float64"):
        what = f"training, one stream, {dtype}"
        claims += compare(what, "chars/s", ours(dtype), {"notebook's loop, float64": notebook()})
    return claims


def ours(dtype: str, iterations: int = 20_000) -> Work:
    """This project's kernel."""
    options = Hyperparameters(dtype=dtype)
    state = TrainingState.initial(vocabulary_size, options, seed=0)

    def work() -> float:
        train(state, tokens, iterations)
        return iterations * options.seq_length

    return work


def notebook(iterations: int = 1_000) -> Work:
    """The notebook's loop from the same weights."""
    initial = TrainingState.initial(vocabulary_size, Hyperparameters(dtype="float64"), seed=0)
    shapes = {"bh": (-1, 1), "by": (-1, 1)}
    weights = {
        name: np.array(array, np.float64).reshape(shapes.get(name, array.shape))
        for name, array in initial.parameters.items()
    }
    loop = Notebook({name: weights[name] for name in names}, 10, [tokens.tolist()])

    def work() -> float:
        loop.run(iterations)
        return iterations * 10

    return work
