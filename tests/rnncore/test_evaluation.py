"""Evaluation is the mean loss of the notebook's loop over a text that it does not learn from."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from rnncore import (
    Hyperparameters,
    InvalidTokens,
    Parameters,
    bits_per_character,
    nats_per_character,
    read,
)
from tests.rnncore.conftest import notebook_weights
from tests.rnncore.notebook import loss_fun


def network(H: int, V: int, dtype: str = "float64", seed: int = 0) -> Parameters:
    """A network that forgets: in a chaotic one, rounding errors would grow without end."""
    options = Hyperparameters(hidden_size=H, dtype=dtype, weight_scale=0.8 / math.sqrt(H))
    return Parameters.initial(V, options, seed=seed)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    H=some.sampled_from([1, 8, 30, 64]),
    V=some.integers(2, 40),
    length=some.sampled_from([2, 3, 255, 256, 257, 258, 600]),
    dtype=some.sampled_from(["float32", "float64"]),
    seed=some.integers(0, 1000),
)
def test_the_loss_is_that_of_one_long_sequence(
    H: int, V: int, length: int, dtype: str, seed: int
) -> None:
    """Memory goes through the whole text, from the memory given to the last character."""
    rng = np.random.default_rng(seed)
    parameters = network(H, V, dtype, seed)
    tokens, memory = rng.integers(0, V, length), rng.uniform(-1, 1, H).astype(dtype)
    weights = notebook_weights(parameters)
    text, column = tokens.tolist(), memory.astype(np.float64)[:, None]
    loss, _, _ = loss_fun(weights, text[:-1], text[1:], column)
    _, _, last = loss_fun(weights, text, text, column)
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    nats = nats_per_character(parameters, tokens, memory)

    assert pytest.approx(loss / (length - 1), rel=tolerance) == nats
    np.testing.assert_allclose(read(parameters, tokens, memory), last[:, 0], atol=tolerance)


@pytest.mark.parametrize("V", [2, 8, 66])
def test_guessing_evenly_costs_the_binary_logarithm_of_the_vocabulary(V: int) -> None:
    """So many bits name one of V characters."""
    even = network(5, V).zeros_like()

    assert pytest.approx(math.log2(V)) == bits_per_character(even, np.arange(50) % V)


def test_every_type_of_token_reads_the_same() -> None:
    """To the bit, whatever the width of the numbers."""
    parameters, tokens = network(16, 40), np.arange(300) * 7 % 40
    kinds = (np.uint8, np.int8, np.uint16, np.int32, ">i4", np.uint64)

    assert len({bits_per_character(parameters, tokens.astype(kind)) for kind in kinds}) == 1


def test_reading_nothing_leaves_the_memory_as_it_was() -> None:
    """An empty priming text is no step; without a memory, it starts empty."""
    parameters, memory = network(4, 3), np.linspace(-1, 1, 4)
    nothing = np.zeros(0, np.int64)

    np.testing.assert_array_equal(read(parameters, nothing, memory), memory)
    np.testing.assert_array_equal(read(parameters, nothing), 0)


def test_scores_of_10_000_do_not_overflow() -> None:
    """What is ruled out costs 10,000 nats, not infinity."""
    parameters = network(2, 3, "float32").zeros_like()
    parameters.by[:] = 1e4, 0, -1e4

    assert pytest.approx(1e4) == nats_per_character(parameters, np.array([0, 1]))


def test_what_cannot_be_read_is_refused() -> None:
    """Fewer than two tokens, a matrix, or a character that the network does not know."""
    parameters = network(2, 3)
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
def test_what_is_no_character_is_refused_before_it_is_read(tokens: NDArray[np.integer]) -> None:
    """The kernels trust their tokens, so what comes from outside is looked at first."""
    parameters = Parameters.initial(5, Hyperparameters(hidden_size=4), seed=0)

    for function in (bits_per_character, read):
        with pytest.raises(InvalidTokens, match="tokens must be"):
            function(parameters, tokens)


def test_memory_of_another_type_or_size() -> None:
    """A memory is taken in the network's own type; one of another size is refused."""
    parameters = Parameters.initial(5, Hyperparameters(hidden_size=4, dtype="float64"), seed=0)
    half = np.full(4, 0.5, np.float32)

    tokens = np.array([0, 1])
    assert (
        read(parameters, tokens, half.astype(np.float64)).tolist()
        == read(parameters, tokens, half).tolist()
    )
    with pytest.raises(InvalidTokens, match=r"must be \(4,\), not \(3,\)"):
        read(parameters, tokens, half[:3])
