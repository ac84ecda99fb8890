"""Adagrad, compared with numbers calculated by hand."""

from __future__ import annotations

import numpy as np

from rnncore import Hyperparameters, Parameters, adagrad


def test_steps_shrink_as_the_sum_of_squares_grows() -> None:
    """Gradients 3, then 4: sums 9, then 25; steps 0.1 × 3/3, then 0.1 × 4/5."""
    options = Hyperparameters(hidden_size=2, dtype="float64")
    parameters = Parameters.initial(3, options, seed=0)
    start, sums, gradients = parameters.copy(), parameters.zeros_like(), parameters.zeros_like()
    for array in gradients:
        array[:] = 3
    adagrad.update(parameters, sums, gradients, learning_rate=0.1)
    for before, after, total in zip(start, parameters, sums, strict=True):
        np.testing.assert_allclose(after, before - 0.1, atol=1e-9)
        np.testing.assert_array_equal(total, 9)
    for array in gradients:
        array[:] = 4
    adagrad.update(parameters, sums, gradients, learning_rate=0.1)

    for before, after, total in zip(start, parameters, sums, strict=True):
        np.testing.assert_allclose(after, before - 0.1 - 0.08, atol=1e-9)
        np.testing.assert_array_equal(total, 25)


def test_a_gradient_of_zero_changes_no_weight() -> None:
    """Bit for bit, even at the first step: nothing is divided by zero."""
    parameters = Parameters.initial(3, Hyperparameters(hidden_size=2), seed=0)
    start, zero = parameters.copy(), parameters.zeros_like()
    adagrad.update(parameters, parameters.zeros_like(), zero, learning_rate=0.1)

    for before, after in zip(start, parameters, strict=True):
        np.testing.assert_array_equal(after, before)
