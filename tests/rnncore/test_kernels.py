"""The vocabulary of the kernels: accuracy of each function, and a fixed order of each sum."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numba.core.itanium_mangler import mangle
from numpy.typing import NDArray

from rnncore.kernels.simd import (
    aligned,
    exp,
    inverse_sqrt,
    kernel,
    known_lanes,
    lanes,
    load,
    product,
    row_product,
    store,
    tanh,
    transpose,
)
from rnncore.kernels.workspace import padded

Array = NDArray[Any]
Float = type[np.float32] | type[np.float64]
wide: list[tuple[Float, int]] = [
    (np.float32, 8),
    (np.float32, 16),
    (np.float64, 8),
]  # and the floats of a vector
own: list[tuple[Float, int]] = [
    (np.float32, known_lanes(32)),
    (np.float64, known_lanes(64)),
]  # as on this processor
types = [*dict.fromkeys(wide + own)]
vectors_of_each_type = pytest.mark.parametrize(("dtype", "lanes"), types)


@kernel
def tanh_of(x: Array, y: Array) -> None:
    for n in range(0, len(x), lanes(x)):
        store(y, n, tanh(load(x, n)))


@kernel
def exp_of(x: Array, y: Array) -> None:
    for n in range(0, len(x), lanes(x)):
        store(y, n, exp(load(x, n)))


@kernel
def inverse_sqrt_of(x: Array, y: Array) -> None:
    for n in range(0, len(x), lanes(x)):
        store(y, n, inverse_sqrt(load(x, n)))


@kernel
def transpose_rows(W: Array, WT: Array, top: int, bottom: int) -> None:
    transpose(W, WT, top, bottom)


@kernel
def multiply(C: Array, A: Array, B: Array, a_row: int, a_k: int, accumulate: bool) -> None:
    product(C, 0, A, 0, a_row, a_k, B, 0, C.shape[0], C.shape[1], B.shape[0], accumulate)


@kernel
def multiply_rows(C: Array, A: Array, W: Array) -> None:
    row_product(C, 0, A, 0, W, C.shape[0])


def vectors(array: Array, lanes: int) -> Array:
    """An aligned copy that kernels read in vectors of `lanes`."""
    copy: Array = aligned(array.dtype, lanes, *array.shape)
    copy[...] = array
    return copy


def error_in_ulps(
    function: Callable[[Array, Array], None], exact: Callable[[Array], Array], x: Array, lanes: int
) -> float:
    """Largest error of a function, in units in the last place (ulp) of the true value."""
    y = vectors(x, lanes)
    function(vectors(x, lanes), y)
    true = exact(x.astype(np.longdouble))
    return float((np.abs(y - true) / np.spacing(np.abs(true).astype(x.dtype))).max())


@vectors_of_each_type
def test_tanh_is_within_two_and_a_half_ulp(dtype: Float, lanes: int) -> None:
    """From small arguments, where tanh(x) is x, to large ones, where it is 1."""
    magnitudes = np.logspace(-20, 2, 2**16)
    x = np.concatenate([magnitudes, -magnitudes]).astype(dtype)

    assert error_in_ulps(tanh_of, np.tanh, x, lanes) < 2.5


@vectors_of_each_type
def test_tanh_keeps_zero_infinity_and_nan(dtype: Float, lanes: int) -> None:
    """A hidden state that is NaN must not become a number."""
    x = np.array([0, -0.0, np.inf, -np.inf, np.nan, 1e30, -1e30, 0] * 2).astype(dtype)
    y = vectors(x, lanes)
    tanh_of(vectors(x, lanes), y)

    np.testing.assert_array_equal(y, np.array([0, 0, 1, -1, np.nan, 1, -1, 0] * 2))


@vectors_of_each_type
def test_exp_is_within_one_ulp_or_a_little_more(dtype: Float, lanes: int) -> None:
    """For the arguments of a softmax; below -85 the result is tiny, but not subnormal."""
    x = np.linspace(-85, 0, 2**16).astype(dtype)
    y = vectors(np.full(lanes, -1e30, dtype), lanes)
    exp_of(y, y)

    assert error_in_ulps(exp_of, np.exp, x, lanes) < 1.1
    assert 0 < y[0] < 1e-36


@vectors_of_each_type
def test_inverse_sqrt_is_within_two_ulp(dtype: Float, lanes: int) -> None:
    """From Adagrad's epsilon to sums that are larger than in any training."""
    x = np.logspace(-8, 30, 2**16).astype(dtype)

    assert error_in_ulps(inverse_sqrt_of, lambda x: 1 / np.sqrt(x), x, lanes) < 2.0


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    rows=some.integers(1, 23),
    width=some.integers(1, 17),
    depth=some.integers(1, 40),
    dtype_and_lanes=some.sampled_from(types),
    transposed=some.booleans(),
    accumulate=some.booleans(),
    seed=some.integers(0, 1000),
)
def test_a_product_does_not_depend_on_its_width_and_height(
    *, rows: int, width: int, depth: int, dtype_and_lanes: tuple[Float, int], transposed: bool, accumulate: bool,
    seed: int,
) -> None:  # fmt: skip
    """Correct within rounding; the first vector of the first row has the same bits alone."""
    (dtype, lanes), rng = dtype_and_lanes, np.random.default_rng(seed)
    A = rng.normal(size=(depth, rows) if transposed else (rows, depth)).astype(dtype)
    B = rng.normal(size=(depth, width * lanes)).astype(dtype)
    start: Array = rng.normal(size=(rows, width * lanes)).astype(dtype)
    C, corner = vectors(start, lanes), vectors(start[:1, :lanes], lanes)
    strides = (1, rows) if transposed else (depth, 1)
    A_vectors = vectors(A, lanes)
    multiply(C, A_vectors, vectors(B, lanes), *strides, accumulate)
    multiply(corner, A_vectors, vectors(B[:, :lanes], lanes), *strides, accumulate)
    left = A.T if transposed else A
    exact: Array = left.astype(np.float64) @ B.astype(np.float64) + start * accumulate

    np.testing.assert_allclose(C, exact, atol=float(200 * np.finfo(dtype).eps))
    np.testing.assert_array_equal(C[:1, :lanes], corner)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    rows=some.integers(1, 20),
    outputs=some.integers(1, 9),
    width=some.integers(1, 17),
    dtype_and_lanes=some.sampled_from(types),
    seed=some.integers(0, 1000),
)
def test_a_row_of_a_row_product_does_not_depend_on_the_others(
    rows: int, outputs: int, width: int, dtype_and_lanes: tuple[Float, int], seed: int
) -> None:
    """Correct within rounding; each row alone gives the same bits."""
    (dtype, lanes), rng = dtype_and_lanes, np.random.default_rng(seed)
    A: Array = rng.normal(size=(rows, width * lanes)).astype(dtype)
    W: Array = rng.normal(size=(outputs * lanes, width * lanes)).astype(dtype)
    C, alone = (aligned(np.dtype(dtype), lanes, n, outputs * lanes) for n in (rows, 1))
    W_vectors = vectors(W, lanes)
    multiply_rows(C, vectors(A, lanes), W_vectors)
    exact: Array = A.astype(np.float64) @ W.astype(np.float64).T

    np.testing.assert_allclose(C, exact, atol=float(500 * np.finfo(dtype).eps))
    for row in range(rows):
        multiply_rows(alone, vectors(A[row : row + 1], lanes), W_vectors)
        np.testing.assert_array_equal(C[row], alone[0])


@vectors_of_each_type
def test_rows_are_transposed_into_columns(dtype: Float, lanes: int) -> None:
    """The rows that were asked for, in whole squares; the other columns stay as they were."""
    W = vectors(np.arange(6 * lanes * lanes, dtype=dtype).reshape(3 * lanes, 2 * lanes), lanes)
    WT = aligned(np.dtype(dtype), lanes, 2 * lanes, 3 * lanes)
    transpose_rows(W, WT, lanes, 3 * lanes - 1)

    np.testing.assert_array_equal(WT[:, lanes:], W.T[:, lanes:])
    assert not WT[:, :lanes].any()


@pytest.mark.parametrize("size", [1, 7, 8, 66, 100, 128, 256, 512, 1024])
@vectors_of_each_type
def test_rows_are_whole_vectors_and_use_all_sets_of_the_cache(
    dtype: Float, lanes: int, size: int
) -> None:
    """Wide enough, less than two vectors wider, and never a multiple of 1,024 bytes."""
    width, item = padded(size, np.dtype(dtype), lanes), np.dtype(dtype).itemsize

    assert size <= width < size + 2 * lanes
    assert width % lanes == 0
    assert width * item % 1024 != 0


def test_functions_have_other_names_in_machine_code_for_other_lanes() -> None:
    """Or one process, which loads what two compiled, would call the function of the other."""
    names = {
        mangle("product", [numba.typeof(aligned(np.dtype(dtype), lanes, 48))])
        for dtype, lanes in types
    }

    assert len(types) == len(names)


def test_aligned_arrays_are_zeros_that_start_at_a_cache_line() -> None:
    """Padding must be zero."""
    arrays = [aligned(np.dtype(np.float32), 8, 3, n) for n in range(1, 30)]

    assert all(array.ctypes.data % 64 == 0 and not array.any() for array in arrays)
    assert math.prod((3, 29)) == arrays[-1].size
