"""Adagrad: each weight's step shrinks with the squares of the gradients that it has seen."""

from __future__ import annotations

import numpy as np

from rnncore.parameters import Parameters

epsilon = 1e-8  # keeps the first step of a weight that never had a gradient from dividing by zero


def update(
    parameters: Parameters, adagrad: Parameters, gradients: Parameters, learning_rate: float
) -> None:
    """One step in place, as in the notebook: `mem += d²; param -= lr × d / sqrt(mem + 1e-8)`."""
    for weight, memory, gradient in zip(parameters, adagrad, gradients, strict=True):
        memory[...] += gradient * gradient
        weight[...] -= learning_rate * gradient / np.sqrt(memory + epsilon)
