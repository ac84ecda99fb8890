"""Adagrad: each weight's step shrinks with the sum of its squared gradients."""

from __future__ import annotations

import numpy as np

from rnncore.parameters import Parameters

epsilon = 1e-8  # no division by zero for a weight whose gradients were all zero


def update(
    parameters: Parameters, adagrad: Parameters, gradients: Parameters, learning_rate: float
) -> None:
    """One step in place, as in the notebook: `mem += d²; param -= lr × d / sqrt(mem + 1e-8)`."""
    for weight, total, gradient in zip(parameters, adagrad, gradients, strict=True):
        total[...] += gradient * gradient
        weight[...] -= learning_rate * gradient / np.sqrt(total + epsilon)
