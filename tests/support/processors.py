"""A check of the kernels in a process that compiles for another processor."""

from __future__ import annotations

import math
import sys

import numpy as np

from rnncore import (
    Hyperparameters,
    TrainingState,
    bits_per_character,
    loss_and_gradients,
    sample_batch,
    train,
)


def compare_backends(dtype: str) -> None:
    """Train with both backends and compare losses and weights; evaluate, and sample a few texts."""
    tokens = np.random.default_rng(0).integers(0, 20, 500)
    tolerance = {"float32": 1e-4, "float64": 1e-11}[dtype]
    options = Hyperparameters(hidden_size=30, batch_size=3, dtype=dtype)
    compiled, reference = (TrainingState.initial(20, options, seed=1) for _ in range(2))
    losses = train(compiled, tokens, 30)
    np.testing.assert_allclose(losses, train(reference, tokens, 30, "numpy"), rtol=tolerance)
    np.testing.assert_allclose(compiled.parameters.Whh, reference.parameters.Whh, atol=tolerance)
    column, start = tokens[:, None], np.zeros((1, 30), dtype)
    nats = loss_and_gradients(compiled.parameters, column[:-1], column[1:], start, 5.0)[0]
    bits = bits_per_character(compiled.parameters, tokens)
    assert math.isclose(nats / 499 / math.log(2), bits, rel_tol=tolerance)
    rngs = [np.random.default_rng(n) for n in range(3)]
    texts = sample_batch(compiled.parameters, compiled.hidden, np.arange(3), 50, rngs=rngs)
    assert texts.max() < 20


if __name__ == "__main__":
    for name in sys.argv[1:]:
        compare_backends(name)
    print("equal")
