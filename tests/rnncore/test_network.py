"""The reference network: its gradients agree with finite differences and with the notebook."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from benchmarks.notebook import loss_fun
from rnncore import Hyperparameters, Parameters, loss_and_gradients
from tests.support.networks import notebook_weights

unclipped = 1e30


def random_case(
    H: int, V: int, T: int, B: int, seed: int
) -> tuple[Parameters, np.ndarray, np.ndarray, np.ndarray]:
    """A network in float64 whose biases are not zero, with inputs, targets and a hidden state."""
    rng = np.random.default_rng(seed)
    options = Hyperparameters(hidden_size=H, dtype="float64", weight_scale=0.5)
    parameters = Parameters.initial(V, options, seed=seed)
    parameters.bh += rng.normal(size=H)
    parameters.by += rng.normal(size=V)
    window = rng.integers(0, V, (T + 1, B))
    return parameters, window[:-1], window[1:], rng.uniform(-1, 1, (B, H))


@pytest.mark.parametrize("name", ["Wxh", "Whh", "Why", "bh", "by"])
def test_gradients_agree_with_finite_differences(name: str) -> None:
    """Every element of every array, over three streams and four characters."""
    parameters, inputs, targets, hidden = random_case(5, 4, 4, 3, seed=1)
    _, gradients, _ = loss_and_gradients(parameters, inputs, targets, hidden, unclipped)
    array, step = getattr(parameters, name), 1e-6
    numeric = np.zeros_like(array)
    for index in np.ndindex(array.shape):
        value, losses = array[index], []
        for array[index] in (value - step, value + step):
            losses.append(loss_and_gradients(parameters, inputs, targets, hidden, unclipped)[0])
        array[index] = value
        numeric[index] = (losses[1] - losses[0]) / (2 * step)

    np.testing.assert_allclose(getattr(gradients, name), numeric, rtol=1e-5, atol=1e-8)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    H=some.integers(1, 9),
    V=some.integers(2, 9),
    T=some.integers(1, 6),
    B=some.integers(1, 4),
    clip=some.sampled_from([0.01, 0.3, unclipped]),
    seed=some.integers(0, 1000),
)
def test_a_batch_is_the_mean_of_the_notebook_over_its_streams(
    H: int, V: int, T: int, B: int, clip: float, seed: int
) -> None:
    """Loss, hidden state and gradients; the mean is clipped, not the gradient of each stream."""
    parameters, inputs, targets, hidden = random_case(H, V, T, B, seed)
    loss, gradients, last = loss_and_gradients(parameters, inputs, targets, hidden, clip)
    weights = notebook_weights(parameters)
    runs = [
        loss_fun(weights, inputs[:, b].tolist(), targets[:, b].tolist(), hidden[b][:, None])
        for b in range(B)
    ]

    assert pytest.approx(np.mean([run[0] for run in runs]), rel=1e-12) == loss
    for name, gradient in gradients.items():
        mean = np.mean([run[1][name] for run in runs], axis=0).reshape(gradient.shape)
        np.testing.assert_allclose(gradient, np.clip(mean, -clip, clip), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(last, np.stack([run[2][:, 0] for run in runs]), rtol=1e-12)


def test_tokens_of_one_stream_may_be_one_dimensional() -> None:
    """Tokens of shape (T,) are those of a batch of one."""
    parameters, inputs, targets, hidden = random_case(3, 4, 5, 1, seed=2)
    column = loss_and_gradients(parameters, inputs, targets, hidden, 5.0)
    row = loss_and_gradients(parameters, inputs[:, 0], targets[:, 0], hidden, 5.0)

    assert column[0] == row[0]
    np.testing.assert_array_equal(column[1].Whh, row[1].Whh)


def test_a_uniform_guess_costs_the_logarithm_of_the_vocabulary_size() -> None:
    """A network without weights gives each of V characters the probability 1 / V."""
    parameters, inputs, targets, hidden = random_case(3, 8, 6, 2, seed=3)
    loss, _, _ = loss_and_gradients(parameters.zeros_like(), inputs, targets, hidden, 5.0)

    assert pytest.approx(6 * math.log(8)) == loss


def test_softmax_does_not_overflow() -> None:
    """A score of 10,000, whose exponential would be infinite, gives a loss of 10,000 and no NaN."""
    parameters = Parameters.initial(3, Hyperparameters(hidden_size=2, dtype="float64"), seed=0)
    parameters.by[:] = 1e4, 0, -1e4
    inputs, targets, hidden = np.array([0, 0]), np.array([0, 1]), np.zeros((1, 2))
    loss, gradients, _ = loss_and_gradients(parameters, inputs, targets, hidden, 5.0)

    assert pytest.approx(1e4, rel=1e-3) == loss
    assert gradients.is_finite()
