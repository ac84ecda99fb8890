"""Evaluation gives the mean loss of the notebook's forward pass over the text."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from benchmarks.notebook import loss_fun
from rnncore import (
    Hyperparameters,
    InvalidTokens,
    Parameters,
    bits_per_character,
    nats_per_character,
    read,
)
from tests.support.networks import contracting_network, notebook_weights


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    H=some.sampled_from([1, 8, 30, 64]),
    V=some.integers(2, 40),
    length=some.sampled_from([2, 3, 255, 256, 257, 258, 600]),
    dtype=some.sampled_from(["float32", "float64"]),
    seed=some.integers(0, 1000),
)
def test_the_loss_is_that_of_the_notebook_over_one_long_sequence(
    H: int, V: int, length: int, dtype: str, seed: int
) -> None:
    """The hidden state is carried from the given one through the whole text, without a reset."""
    rng = np.random.default_rng(seed)
    parameters = contracting_network(H, V, dtype, seed=seed)
    tokens, hidden = rng.integers(0, V, length), rng.uniform(-1, 1, H).astype(dtype)
    weights = notebook_weights(parameters)
    text, column = tokens.tolist(), hidden.astype(np.float64)[:, None]
    loss, _, _ = loss_fun(weights, text[:-1], text[1:], column)
    _, _, last = loss_fun(weights, text, text, column)
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    nats = nats_per_character(parameters, tokens, hidden)

    assert pytest.approx(loss / (length - 1), rel=tolerance) == nats
    np.testing.assert_allclose(read(parameters, tokens, hidden), last[:, 0], atol=tolerance)


@pytest.mark.parametrize("V", [2, 8, 66])
def test_a_uniform_guess_costs_the_binary_logarithm_of_the_vocabulary_size(V: int) -> None:
    """A network without weights gives each of V characters the probability 1 / V."""
    uniform = contracting_network(5, V).zeros_like()

    assert pytest.approx(math.log2(V)) == bits_per_character(uniform, np.arange(50) % V)


def test_the_type_of_the_tokens_does_not_change_the_result() -> None:
    """The same bits for each width and byte order of integers."""
    parameters, tokens = contracting_network(16, 40), np.arange(300) * 7 % 40
    kinds = (np.uint8, np.int8, np.uint16, np.int32, ">i4", np.uint64)

    assert len({bits_per_character(parameters, tokens.astype(kind)) for kind in kinds}) == 1


def test_reading_an_empty_text_keeps_the_hidden_state() -> None:
    """As with an empty priming text; the default hidden state is zero."""
    parameters, hidden = contracting_network(4, 3), np.linspace(-1, 1, 4)
    nothing = np.zeros(0, np.int64)

    np.testing.assert_array_equal(read(parameters, nothing, hidden), hidden)
    np.testing.assert_array_equal(read(parameters, nothing), 0)


def test_scores_of_10_000_do_not_overflow() -> None:
    """A target with a score 10,000 below the largest costs 10,000 nats, not infinity."""
    parameters = contracting_network(2, 3, "float32").zeros_like()
    parameters.by[:] = 1e4, 0, -1e4

    assert pytest.approx(1e4) == nats_per_character(parameters, np.array([0, 1]))


def test_tokens_that_cannot_be_evaluated_are_refused() -> None:
    """Fewer than two tokens, a matrix, or a token outside the vocabulary."""
    parameters = contracting_network(2, 3)
    for short in (np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros((2, 2), np.int64)):
        with pytest.raises(InvalidTokens, match="at least 2 tokens"):
            bits_per_character(parameters, short)
    for outside in (-1, 3):
        with pytest.raises(InvalidTokens, match="from 0 to 2"):
            bits_per_character(parameters, np.array([0, outside]))


@pytest.mark.parametrize(
    "tokens",
    [np.array([0.0, 1.0]), np.array([0, 10**8]), np.array([-5000, 0])],
    ids=["floats", "beyond the vocabulary", "negative"],
)
def test_invalid_tokens_are_refused_before_the_kernels_run(tokens: NDArray[np.integer]) -> None:
    """The kernels do not check their tokens, so one outside would read beyond an array."""
    parameters = Parameters.initial(5, Hyperparameters(hidden_size=4), seed=0)

    for function in (bits_per_character, read):
        with pytest.raises(InvalidTokens, match="tokens must be"):
            function(parameters, tokens)


def test_a_hidden_state_of_another_type_or_size() -> None:
    """It is converted to the type of the network; another size is refused."""
    parameters = Parameters.initial(5, Hyperparameters(hidden_size=4, dtype="float64"), seed=0)
    half = np.full(4, 0.5, np.float32)

    tokens = np.array([0, 1])
    assert (
        read(parameters, tokens, half.astype(np.float64)).tolist()
        == read(parameters, tokens, half).tolist()
    )
    with pytest.raises(InvalidTokens, match=r"must have shape \(4,\), not \(3,\)"):
        read(parameters, tokens, half[:3])
