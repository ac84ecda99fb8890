"""Averaging: networks that trained on parts of a text become one, by a mean and an outer step.

The inner optimiser is Adagrad, whose sums are averaged too; the outer one is gradient descent with
Nesterov's momentum, as in DiLoCo (Douillard et al. 2023). docs/rounds.md says when that pays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnncore.parameters import FloatArray, Parameters

short_round = 500  # iterations: up to here networks stay near each other, and steps may be long


class OuterStep(NamedTuple):
    """The constants of the outer step."""

    momentum: float  # μ, the share of a step that the next one goes on with; 0 to under 1
    learning_rate: float  # η, of the outer gradient; above 0

    @classmethod
    def usual(cls, iterations: int) -> OuterStep:
        """For rounds of so many iterations: the best that were measured.

        >>> OuterStep.usual(100)
        OuterStep(momentum=0.9, learning_rate=0.3)
        """
        return cls(0.9, 0.3) if iterations <= short_round else cls(0.5, 0.7)


def shares_of(weights: Sequence[int]) -> list[float]:
    """Each weight as a share of all; ValueError where one is not above 0, or there is none."""
    if not weights or min(weights) <= 0:
        raise ValueError(f"a mean needs weights above 0, not {list(weights)}")
    return [weight / sum(weights) for weight in weights]


def weighted_mean(parts: Sequence[Parameters], weights: Sequence[int]) -> Parameters:
    """The mean of each element, in float64: Σₖ wₖ/W · xₖ, added in the order of the parts.

    >>> from rnncore import Hyperparameters
    >>> ones = Parameters.initial(2, Hyperparameters(hidden_size=1), seed=0).zeros_like()
    >>> ones.by += 1
    >>> weighted_mean([ones, ones.zeros_like()], [3, 1]).by.tolist()
    [0.75, 0.75]
    """
    shares = shares_of(weights)
    if len(parts) != len(shares):
        raise ValueError(
            f"a mean of {len(parts)} networks needs as many weights, not {len(shares)}"
        )
    return Parameters(*(_mean(arrays, shares) for arrays in zip(*parts, strict=True)))


def outer_step(
    before: Parameters, mean: Parameters, momentum: Parameters, step: OuterStep
) -> tuple[Parameters, Parameters]:
    """The network after a round and the new momentum, both in the number type of `before`.

    With θ before the round, the mean m of what the shards made of it and the momentum v, the outer
    gradient is g = θ − m. Then v ← μ·v + g and θ ← θ − η·(μ·v + g), in float64.
    """
    networks, momenta = [], []
    for theta, target, velocity in zip(before, mean, momentum, strict=True):
        gradient = theta.astype(np.float64) - target
        v = step.momentum * velocity.astype(np.float64) + gradient
        networks.append(_as(theta - step.learning_rate * (step.momentum * v + gradient), theta))
        momenta.append(_as(v, theta))
    return Parameters(*networks), Parameters(*momenta)


def rounded(parameters: Parameters, like: Parameters) -> Parameters:
    """The same in the number type of another network."""
    return Parameters(*(_as(array, other) for array, other in zip(parameters, like, strict=True)))


def _mean(arrays: Sequence[FloatArray], shares: Sequence[float]) -> FloatArray:
    """Shares are floats of 64 bits: the products of them and of float32 are exact enough."""
    total = np.zeros(arrays[0].shape)
    term = np.empty_like(total)
    for array, share in zip(arrays, shares, strict=True):
        total += np.multiply(array, share, out=term, dtype=np.float64)
    return total


def _as(array: FloatArray, like: FloatArray) -> FloatArray:
    """What is too large for the type becomes infinite, which training refuses."""
    with np.errstate(over="ignore"):
        return array.astype(like.dtype)
