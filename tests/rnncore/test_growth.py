"""A network grows by characters and forgets nothing: docs/vocabulary-growth.md."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from rnncore import Hyperparameters, InvalidHyperparameter, TrainingState, grow, train, warm_start
from rnncore.growth import log_normaliser_bound, share_of_new
from rnncore.network import forward
from rnncore.parameters import FloatArray, Parameters

old_places, all_points = np.array([1, 2, 4, 5]), np.array([9, 97, 98, 233, 1078, 0x1F600])
new_places = [0, 3]


def trained(seed: int, scale: float = 0.1, dtype: str = "float32") -> TrainingState:
    """A small network that has learnt something, its weights `scale` at the start."""
    options = Hyperparameters(hidden_size=6, weight_scale=scale, dtype=dtype, seq_length=5)
    state = TrainingState.initial(4, options, seed=seed)
    train(state, np.random.default_rng(seed).integers(0, 4, 200), 60, backend="numpy")
    return state


def hidden_states(rng: np.random.Generator) -> FloatArray:
    """Hidden states of all kinds, corners of the cube among them."""
    inside = rng.uniform(-1, 1, (200, 6))
    return np.concatenate([inside, np.sign(inside), np.zeros((1, 6))])


def scores(parameters: Parameters, hidden: FloatArray) -> NDArray[np.float64]:
    """Scores of each character, in double precision."""
    ys: NDArray[np.float64] = hidden @ parameters.Why.T.astype(float) + parameters.by.astype(float)
    return ys


def probabilities(ys: NDArray[np.float64]) -> NDArray[np.float64]:
    exponentials = np.exp(ys - ys.max(axis=1, keepdims=True))
    ps: NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return ps


@given(st.integers(0, 2**32), st.sampled_from([0.1, 1.0, 10.0]))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_new_characters_have_at_most_their_share_whatever_the_hidden_state(
    seed: int, scale: float
) -> None:
    parameters = trained(seed, scale).parameters
    grown = grow(parameters, old_places, all_points, seed=seed)
    ps = probabilities(scores(grown, hidden_states(np.random.default_rng(seed))))
    assert ps[:, new_places].sum(axis=1).max() <= share_of_new


@given(st.integers(0, 2**32), st.sampled_from([0.1, 1.0, 10.0]))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_the_bound_of_the_normaliser_is_below_it_everywhere(seed: int, scale: float) -> None:
    parameters = trained(seed, scale).parameters
    ys = scores(parameters, hidden_states(np.random.default_rng(seed)))
    assert log_normaliser_bound(parameters) <= np.log(np.exp(ys).sum(axis=1)).min() + 1e-9


def test_more_rounds_give_a_bound_that_is_nearly_the_minimum() -> None:
    """Compared with the smallest normaliser on a grid, for two hidden units."""
    rng = np.random.default_rng(3)
    parameters = Parameters(
        rng.normal(size=(2, 5)),
        np.zeros((2, 2)),
        rng.normal(size=(5, 2)),
        np.zeros(2),
        rng.normal(size=5),
    )
    axis = np.linspace(-1, 1, 401)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    smallest = float(np.log(np.exp(scores(parameters, grid)).sum(axis=1)).min())
    assert smallest - 1e-3 < log_normaliser_bound(parameters) <= smallest + 1e-9


@given(st.integers(0, 2**32))
@settings(derandomize=True, deadline=None, max_examples=20)
def test_old_scores_are_equal_in_every_bit(seed: int) -> None:
    parameters = trained(seed).parameters
    grown = grow(parameters, old_places, all_points, seed=seed)
    text = np.random.default_rng(seed).integers(0, 4, (40, 1))
    before = forward(parameters, text, np.zeros((1, 6), np.float32))
    after = forward(grown, old_places[text], np.zeros((1, 6), np.float32))
    np.testing.assert_array_equal(before, after)
    for hidden in before[:, 0]:
        expected = [
            float(row @ hidden + bias)
            for row, bias in zip(parameters.Why, parameters.by, strict=True)
        ]
        found = [float(row @ hidden + bias) for row, bias in zip(grown.Why, grown.by, strict=True)]
        assert expected == [found[place] for place in old_places]


def test_old_probabilities_are_the_same_after_they_are_renormalised() -> None:
    parameters = trained(1).parameters
    hidden = hidden_states(np.random.default_rng(1))
    expected = probabilities(scores(parameters, hidden))
    found = probabilities(scores(grow(parameters, old_places, all_points, seed=1), hidden))
    kept = found[:, old_places]
    np.testing.assert_allclose(expected, kept / kept.sum(axis=1, keepdims=True), rtol=1e-12)


def test_the_column_of_a_new_character_depends_on_seed_and_code_point_alone() -> None:
    parameters = trained(1).parameters
    together = grow(parameters, old_places, all_points, seed=7)
    alone = grow(parameters, np.arange(4), np.array([97, 98, 1078, 0x1F600, 233]), seed=7)
    np.testing.assert_array_equal(together.Wxh[:, 3], alone.Wxh[:, 4])
    expected = (np.random.default_rng([7, 233]).standard_normal(6) * 0.1).astype(np.float32)
    np.testing.assert_array_equal(expected, alone.Wxh[:, 4])
    assert grow(parameters, old_places, all_points, seed=8).Wxh[0, 3] != together.Wxh[0, 3]


def test_without_new_characters_nothing_changes() -> None:
    parameters = trained(2).parameters
    for expected, found in zip(
        parameters, grow(parameters, np.arange(4), np.arange(4), seed=0), strict=True
    ):
        np.testing.assert_array_equal(expected, found)
        assert not np.shares_memory(expected, found)


@pytest.mark.parametrize("decay", [0.0, 0.1, 1.0])
def test_a_warm_start_keeps_the_weights_and_a_part_of_the_sums(decay: float) -> None:
    parent = trained(5)
    options = Hyperparameters(hidden_size=6, seq_length=20, batch_size=3, learning_rate=0.5)
    state = warm_start(parent, old_places, all_points, options, seed=5, decay=decay)
    np.testing.assert_array_equal(parent.parameters.Why, state.parameters.Why[old_places])
    np.testing.assert_array_equal(
        parent.adagrad.Why * np.float32(decay), state.adagrad.Why[old_places]
    )
    assert not state.adagrad.Why[new_places].any()
    assert not state.adagrad.Wxh[:, new_places].any()
    assert (0, 0, (3, 6)) == (state.iteration, state.position, state.hidden.shape)
    assert not state.hidden.any()
    assert math.isclose(4 * parent.smooth_loss, state.smooth_loss)
    train(state, np.random.default_rng(0).integers(0, 6, 200), 3)


@pytest.mark.parametrize(
    "options", [Hyperparameters(hidden_size=7), Hyperparameters(hidden_size=6, dtype="float64")]
)
def test_a_network_of_another_shape_or_type_cannot_start_warm(options: Hyperparameters) -> None:
    with pytest.raises(InvalidHyperparameter, match="those of the network that training starts"):
        warm_start(trained(1), old_places, all_points, options, seed=0, decay=1)


@pytest.mark.parametrize("decay", [-0.1, 1.5, math.nan])
def test_a_decay_outside_0_to_1_is_refused(decay: float) -> None:
    options = trained(1).hyperparameters
    with pytest.raises(InvalidHyperparameter, match="from 0 to 1"):
        warm_start(trained(1), old_places, all_points, options, seed=0, decay=decay)
