"""The mean of networks and the outer step, beside a reference of plain numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from rnncore import Hyperparameters, OuterStep, Parameters, outer_step, weighted_mean


def networks(count: int, dtype: str = "float64", seed: int = 0) -> list[Parameters]:
    """Different networks of one shape."""
    options = Hyperparameters(hidden_size=3, dtype=dtype)
    return [Parameters.initial(5, options, seed=seed + number) for number in range(count)]


def numbers(parameters: Parameters) -> list[float]:
    """All elements as Python's floats."""
    return [float(x) for array in parameters for x in array.ravel()]


def mean_reference(parts: list[Parameters], weights: list[int]) -> list[float]:
    """Element by element, added in the order of the parts."""
    means = []
    for elements in zip(*map(numbers, parts), strict=True):
        total = 0.0
        for weight, element in zip(weights, elements, strict=True):
            total += weight / sum(weights) * element
        means.append(total)
    return means


def step_reference(
    theta: float, mean: float, momentum: float, step: OuterStep
) -> tuple[float, float]:
    """Nesterov's step for one weight."""
    gradient = theta - mean
    momentum = step.momentum * momentum + gradient
    return theta - step.learning_rate * (step.momentum * momentum + gradient), momentum


@given(
    dtype=some.sampled_from(["float32", "float64"]),
    weights=some.lists(some.integers(1, 10**9), min_size=1, max_size=6),
    seed=some.integers(0, 100),
)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_mean_is_that_of_plain_numbers_to_the_last_bit(
    dtype: str, weights: list[int], seed: int
) -> None:
    parts = networks(len(weights), dtype, seed)
    mean = weighted_mean(parts, weights)
    assert mean_reference(parts, weights) == numbers(mean)
    assert {np.dtype(np.float64)} == {array.dtype for array in mean}


@given(some.lists(some.integers(1, 10**6), min_size=2, max_size=6))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_mean_lies_between_its_parts(weights: list[int]) -> None:
    parts = networks(len(weights))
    for mean, *elements in zip(
        numbers(weighted_mean(parts, weights)), *map(numbers, parts), strict=True
    ):
        margin = 1e-15
        assert min(elements) - margin <= mean <= max(elements) + margin


def test_the_mean_of_one_network_is_that_network() -> None:
    (network,) = networks(1)
    assert numbers(network) == numbers(weighted_mean([network], [7]))


def test_tokens_weigh_shards() -> None:
    one, other = networks(2)
    assert mean_reference([one, other, other], [1, 1, 1]) == pytest.approx(
        numbers(weighted_mean([one, other], [1, 2]))
    )


@pytest.mark.parametrize("weights", [[], [1], [1, 0], [2, -1], [1, 1, 1]])
def test_weights_that_do_not_fit_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="a mean"):
        weighted_mean(networks(2), weights)


@given(
    dtype=some.sampled_from(["float32", "float64"]),
    momentum=some.floats(0, 0.99),
    learning_rate=some.floats(0.01, 10),
)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_an_outer_step_is_that_of_plain_numbers_to_the_last_bit(
    dtype: str, momentum: float, learning_rate: float
) -> None:
    """Computed in 64 bits, and rounded once."""
    before, one, other, velocity = networks(4, dtype)
    mean, step = weighted_mean([one, other], [3, 5]), OuterStep(momentum, learning_rate)
    pairs = zip(*map(numbers, (before, mean, velocity)), strict=True)
    expected = np.array([step_reference(t, m, v, step) for t, m, v in pairs], dtype)
    after, moved = outer_step(before, mean, velocity, step)
    assert expected[:, 0].tolist() == numbers(after)
    assert expected[:, 1].tolist() == numbers(moved)
    assert {np.dtype(dtype)} == {array.dtype for array in (*after, *moved)}


def test_without_momentum_a_step_of_one_takes_the_mean() -> None:
    before, other = networks(2)
    after, _ = outer_step(before, other, before.zeros_like(), OuterStep(0, 1))
    assert numbers(other) == pytest.approx(numbers(after), abs=1e-15)


def test_shards_that_stand_still_let_the_momentum_go_on() -> None:
    """By μ²·η of it: Nesterov looks ahead."""
    before, velocity = networks(2)
    after, moved = outer_step(before, before, velocity, OuterStep(0.5, 0.3))
    pairs = zip(numbers(before), numbers(velocity), strict=True)
    assert [theta - 0.3 * (0.5 * (0.5 * v)) for theta, v in pairs] == pytest.approx(numbers(after))
    assert [0.5 * v for v in numbers(velocity)] == numbers(moved)


def test_no_step_writes_to_what_it_was_given() -> None:
    before, mean, velocity = networks(3)
    copies = [numbers(each) for each in (before, mean, velocity)]
    outer_step(before, mean, velocity, OuterStep(0.9, 0.3))
    assert copies == [numbers(each) for each in (before, mean, velocity)]


def test_long_rounds_take_a_weaker_momentum() -> None:
    assert [(0.9, 0.3), (0.9, 0.3), (0.5, 0.7)] == [OuterStep.usual(n) for n in (1, 500, 501)]
