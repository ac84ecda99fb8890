"""The update: gradient, clipping and Adagrad's step in one go, so that a weight is loaded once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import (
    clamp,
    clear,
    compiled,
    fma,
    inlined,
    inverse_sqrt,
    lanes,
    load,
    product,
    store,
    transpose,
)
from rnncore.kernels.workspace import Activations, Adagrad, Sizes, Transposed, Weights
from rnncore.parameters import FloatArray

# Rows of weights whose gradient is computed at a time: while it stays in the cache for the step.
# A long sum goes through the strip again and again, and through the hidden states for each strip.
strip_bytes = 2**14  # in the level-1 cache
deep_strip_bytes = 2**18  # in the level-2 cache, for sums of more than `long_sum` terms
long_sum = 64
most_lanes = 16  # bounds of shares and strips are multiples of it, so that squares are transposed


def strip_rows(row_bytes: int, depth: int) -> int:
    """Rows of a strip for weights of `row_bytes` a row, and sums of `depth` terms."""
    room = strip_bytes if depth <= long_sum else deep_strip_bytes
    return max(1, room // (row_bytes * most_lanes)) * most_lanes


@inlined
def update(
    worker: int, workers: int, sizes: Sizes, network: Weights, transposed: Transposed,
    adagrad: Adagrad, activations: Activations,
) -> None:  # fmt: skip
    """Gradient, clipping and Adagrad's step of this worker's share of the weights."""
    sums, strip, dh, ps = adagrad.sums, adagrad.strips[worker], activations.dh, activations.ps
    hs, later = activations.hs, activations.hs[sizes.B :]
    top, bottom = share(worker, workers, sizes.H)
    step_rows(network.Whh, transposed.WhhT, sums.Whh, adagrad, strip, dh, hs, top, bottom)
    top, bottom = share(worker, workers, sizes.V)
    step_rows(network.Why, transposed.WhyT, sums.Why, adagrad, strip, ps, later, top, bottom)
    step_columns(worker, workers, network.Wxh, adagrad, dh, activations.tokens)
    if worker == 0:
        step_bias(network.bh, sums.bh, adagrad, strip, dh)
    if worker == workers - 1:
        step_bias(network.by, sums.by, adagrad, strip, ps)


@inlined
def share(worker: int, workers: int, rows: int) -> tuple[int, int]:
    """The first row of this worker's share, and that of the next one's."""
    vectors = (rows + most_lanes - 1) // most_lanes
    top, bottom = vectors * worker // workers, vectors * (worker + 1) // workers
    return top * most_lanes, min(bottom * most_lanes, rows)


@inlined
def step_rows(
    W: FloatArray, WT: FloatArray, mW: FloatArray, adagrad: Adagrad, strip: FloatArray,
    errors: FloatArray, hs: FloatArray, top: int, bottom: int,
) -> None:  # fmt: skip
    """Rows `top` to `bottom` of a matrix: the gradient, errorsᵀ hs, then Adagrad's step."""
    (depth, width), Hp = errors.shape, W.shape[1]
    for start in range(top, bottom, adagrad.rows):
        rows = min(adagrad.rows, bottom - start)
        product(strip, 0, errors, start, 1, width, hs, 0, rows, Hp, depth, False)
        step(W, mW, start * Hp, strip, 0, rows * Hp, adagrad)
        if len(WT) > 0:
            transpose(W, WT, start, start + rows)


@inlined
def step_columns(
    worker: int, workers: int, Wxh: FloatArray, adagrad: Adagrad, dh: FloatArray,
    tokens: NDArray[np.int64],
) -> None:  # fmt: skip
    """The columns of Wxh whose characters are inputs; the gradient of the others is zero."""
    inputs, dWxh, last_row = tokens.reshape(-1), adagrad.dWxh, adagrad.last_row
    Hp = Wxh.shape[1]
    for row in range(len(dh)):
        if inputs[row] % workers == worker:
            start = inputs[row] * Hp
            last_row[inputs[row]] = row
            for j in range(0, Hp, lanes(dh)):
                store(dWxh, start + j, load(dWxh, start + j) + load(dh, row * Hp + j))
    for row in range(len(dh)):
        if inputs[row] % workers == worker and last_row[inputs[row]] == row:
            start = inputs[row] * Hp
            step(Wxh, adagrad.sums.Wxh, start, dWxh, start, Hp, adagrad)
            clear(dWxh, start, start + Hp)


@inlined
def step_bias(
    b: FloatArray, mb: FloatArray, adagrad: Adagrad, strip: FloatArray, errors: FloatArray
) -> None:
    """A bias: its gradient is the sum of the rows of `errors`."""
    width = len(b)
    for j in range(0, width, lanes(b)):
        gradient = load(errors, j)
        for row in range(1, len(errors)):
            gradient = gradient + load(errors, row * width + j)
        store(strip, j, gradient)
    step(b, mb, 0, strip, 0, width, adagrad)


@compiled
def step(
    W: FloatArray, mW: FloatArray, start: int, dW: FloatArray, d_start: int, count: int,
    adagrad: Adagrad,
) -> None:  # fmt: skip
    """Clip the gradient of `count` weights and take Adagrad's step."""
    for n in range(0, count, lanes(W)):
        d = clamp(load(dW, d_start + n), -adagrad.clip, adagrad.clip)
        m = fma(d, d, load(mW, start + n))
        store(mW, start + n, m)
        w = load(W, start + n) - d * adagrad.learning_rate * inverse_sqrt(m + 1e-8)
        store(W, start + n, w)
