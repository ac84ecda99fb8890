"""Sampling follows the probabilities of the network; a text does not depend on other texts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from benchmarks import notebook
from rnncore import (
    InvalidHyperparameter,
    InvalidTokens,
    Parameters,
    sample,
    sample_batch,
)
from tests.support.networks import contracting_network, notebook_weights

Rng = np.random.Generator


def network(H: int = 20, V: int = 12, dtype: str = "float64", seed: int = 0) -> Parameters:
    """A small network with defaults that suit most tests."""
    return contracting_network(H, V, dtype, seed=seed)


def rngs(count: int, seed: int = 0) -> list[Rng]:
    """A generator for each text."""
    return [np.random.default_rng([seed, n]) for n in range(count)]


def test_a_sample_is_that_of_the_notebook_for_the_same_random_numbers() -> None:
    """`np.random.choice` also takes the token where the cumulative probability exceeds the number."""
    parameters, hidden = network(), np.linspace(-1, 1, 20)
    tokens = sample(parameters, hidden, 3, 300, rng=np.random.default_rng(7))
    rng = np.random.default_rng(7)
    weights = notebook_weights(parameters)

    def choose(p: notebook.Array) -> int:
        return int(rng.choice(12, p=p))

    assert notebook.sample(weights, hidden[:, None], 3, 300, choose) == tokens.tolist()


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    H=some.sampled_from([1, 8, 20, 33, 64]),
    V=some.integers(2, 40),
    streams=some.integers(1, 30),
    dtype=some.sampled_from(["float32", "float64"]),
    seed=some.integers(0, 1000),
)
def test_a_text_does_not_depend_on_other_texts(
    H: int, V: int, streams: int, dtype: str, seed: int
) -> None:
    """The same characters alone and with others; each text has another temperature."""
    rng = np.random.default_rng(seed)
    parameters = network(H, V, dtype, seed=seed)
    hidden = rng.uniform(-1, 1, (streams, H)).astype(dtype)
    firsts, temperatures = rng.integers(0, V, streams), rng.uniform(0.3, 2, streams)
    temperatures[0] = 0
    together = sample_batch(
        parameters, hidden, firsts, 20, rngs=rngs(streams, seed), temperature=temperatures
    )

    assert (streams, 20) == together.shape
    for n in range(streams):
        alone = sample(
            parameters, hidden[n], int(firsts[n]), 20,
            rng=np.random.default_rng([seed, n]), temperature=float(temperatures[n]),
        )  # fmt: skip
        assert alone.tolist() == together[n].tolist()


def test_temperature_0_takes_the_most_likely_character() -> None:
    """Whatever the random numbers are: each character is the one with the largest score."""
    parameters = network()
    tokens = sample(parameters, np.zeros(20), 1, 50, rng=np.random.default_rng(0), temperature=0)
    weights = notebook_weights(parameters)

    assert notebook.sample(
        weights, np.zeros((20, 1)), 1, 50, lambda p: int(p.argmax())
    ) == tokens.tolist()  # fmt: skip


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_frequencies_of_characters_follow_their_probabilities(temperature: float) -> None:
    """20,000 samples of one character against softmax(scores / temperature): a chi-squared test."""
    parameters = network(H=3, V=5).zeros_like()
    parameters.by[:] = np.log([0.4, 0.3, 0.2, 0.07, 0.03])
    texts = sample_batch(
        parameters, np.zeros((20000, 3)), np.zeros(20000, np.int64), 1,
        rngs=rngs(20000), temperature=temperature,
    )  # fmt: skip
    expected = np.exp(parameters.by / temperature)
    expected *= 20000 / expected.sum()
    counts = np.bincount(texts[:, 0], minlength=5)

    assert ((counts - expected) ** 2 / expected).sum() < 18.5  # 4 degrees of freedom, 1 in 1,000


def test_scores_of_10_000_do_not_overflow() -> None:
    """The most likely character has the probability 1, and nothing is NaN."""
    parameters = network(H=2, V=3, dtype="float32").zeros_like()
    parameters.by[:] = -1e4, 1e4, 0
    tokens = sample(parameters, np.zeros(2, np.float32), 0, 20, rng=np.random.default_rng(0))

    assert tokens.tolist() == [1] * 20


def test_arguments_keep_their_values_and_sizes_may_be_zero() -> None:
    """S = 0 and length = 0 give empty arrays."""
    parameters, hidden, firsts = network(), np.full((2, 20), 0.5), np.array([1, 2])
    sample_batch(parameters, hidden, firsts, 5, rngs=rngs(2))

    np.testing.assert_array_equal(hidden, 0.5)
    assert firsts.tolist() == [1, 2]
    assert sample_batch(parameters, hidden, firsts, 0, rngs=rngs(2)).shape == (2, 0)
    assert sample_batch(parameters, hidden[:0], firsts[:0], 5, rngs=[]).shape == (0, 5)


@pytest.mark.parametrize("temperature", [-1.0, math.nan, math.inf])
def test_a_temperature_is_a_finite_number_of_at_least_zero(temperature: float) -> None:
    """NaN would give nonsense without an error."""
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidHyperparameter, match="temperature"):
        sample(network(), np.zeros(20), 0, 5, rng=rng, temperature=temperature)


def test_arguments_that_do_not_fit_are_refused() -> None:
    """A first token outside the vocabulary; another number of hidden states or generators."""
    parameters, hidden = network(), np.zeros((2, 20))
    for bad in (-1, 12):
        with pytest.raises(InvalidTokens, match="from 0 to 11"):
            sample(parameters, hidden[0], bad, 5, rng=np.random.default_rng(0))
    with pytest.raises(InvalidTokens, match=r"2 generators, not .* and 1"):
        sample_batch(parameters, hidden, np.array([0, 1]), 5, rngs=rngs(1))
    with pytest.raises(InvalidTokens, match=r"\(3, 20\)"):
        sample_batch(parameters, hidden, np.array([0, 1, 2]), 5, rngs=rngs(3))
