"""Hyperparameters check their values; parameters start like those of the notebook."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rnncore import Hyperparameters, InvalidHyperparameter, Parameters


def test_the_defaults_are_those_of_the_notebook() -> None:
    """Hidden size 100, ten characters, learning rate 0.01, clipping at 5."""
    options = Hyperparameters()

    assert (
        options.hidden_size,
        options.seq_length,
        options.learning_rate,
        options.gradient_clip,
        options.weight_scale,
        options.dtype,
    ) == (100, 10, 1e-2, 5.0, 0.1, "float32")


@pytest.mark.parametrize("name", ["hidden_size", "seq_length", "batch_size"])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, math.nan, "10", None])
def test_sizes_are_whole_numbers_of_at_least_one(name: str, value: object) -> None:
    """True is no size either, although it is an integer in Python."""
    with pytest.raises(InvalidHyperparameter, match=f"{name} must be a whole number") as caught:
        Hyperparameters(**{name: value})  # type: ignore[arg-type]  # the point of the test

    assert name == caught.value.name


@pytest.mark.parametrize("name", ["learning_rate", "gradient_clip", "weight_scale"])
@pytest.mark.parametrize("value", [0, -1e-3, math.nan, math.inf, 1e39, "1e-2", None])
def test_rates_are_positive_numbers_that_float32_can_hold(name: str, value: object) -> None:
    """NaN is refused too: every comparison with it is false."""
    with pytest.raises(InvalidHyperparameter, match=f"{name} must be a number") as caught:
        Hyperparameters(**{name: value})  # type: ignore[arg-type]

    assert name == caught.value.name


@pytest.mark.parametrize("dtype", ["float16", "f4", "", "int32"])
def test_the_dtype_is_float32_or_float64(dtype: str) -> None:
    """Only by their full names, so that the same run always has the same identity."""
    with pytest.raises(InvalidHyperparameter, match="dtype must be float32 or float64"):
        Hyperparameters(dtype=dtype)


def test_a_network_needs_two_characters() -> None:
    """With a single one there is nothing to predict."""
    with pytest.raises(InvalidHyperparameter, match="vocabulary_size"):
        Parameters.initial(1, Hyperparameters(), seed=0)


def test_initial_weights_are_normal_with_the_chosen_scale() -> None:
    """Mean zero and standard deviation `weight_scale`; the biases are zero."""
    options = Hyperparameters(hidden_size=200, weight_scale=0.25)
    parameters = Parameters.initial(60, options, seed=3)

    assert [p.shape for p in parameters] == [(200, 60), (200, 200), (60, 200), (200,), (60,)]
    for weight in (parameters.Wxh, parameters.Whh, parameters.Why):
        assert pytest.approx(0.0, abs=0.01) == weight.mean()
        assert pytest.approx(0.25, rel=0.03) == weight.std()
    assert not parameters.bh.any()
    assert not parameters.by.any()


def test_both_dtypes_have_the_same_initial_weights() -> None:
    """float32 has the float64 numbers, rounded; another seed gives other numbers."""
    single, double = (
        Parameters.initial(5, Hyperparameters(hidden_size=4, dtype=dtype), seed=1)
        for dtype in ("float32", "float64")
    )
    other = Parameters.initial(5, Hyperparameters(hidden_size=4), seed=2)

    for a, b in zip(single, double, strict=True):
        assert np.float32 == a.dtype
        assert np.float64 == b.dtype
        np.testing.assert_array_equal(b.astype(np.float32), a)
    assert not np.array_equal(single.Whh, other.Whh)


def test_a_copy_shares_no_memory() -> None:
    """Training a copy does not change the original."""
    parameters = Parameters.initial(3, Hyperparameters(hidden_size=2), seed=0)
    copy = parameters.copy()
    copy.Whh += 1

    assert not np.array_equal(copy.Whh, parameters.Whh)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_is_finite_finds_a_single_element(value: float) -> None:
    """One element that is NaN or infinite is enough."""
    parameters = Parameters.initial(3, Hyperparameters(hidden_size=2), seed=0)
    assert parameters.is_finite()
    parameters.by[1] = value

    assert not parameters.is_finite()
