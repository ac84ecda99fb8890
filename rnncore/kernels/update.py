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
)
from rnncore.kernels.workspace import Activations, Adagrad, Sizes, Weights
from rnncore.parameters import FloatArray

strip_rows = 64  # rows of weights at a time: their gradient is still in the cache for the step
shared_strip_rows = 32  # the same if threads share the weights: smaller, for equal shares
block_depth = 64  # rows of errors and hidden states that the tiles of a strip read from the cache


@inlined
def update(
    worker: int, workers: int, sizes: Sizes, network: Weights, adagrad: Adagrad,
    activations: Activations,
) -> None:  # fmt: skip
    """Gradient, clipping and Adagrad's step of this worker's share of the weights."""
    sums, strip, dh, ps = adagrad.sums, adagrad.strips[worker], activations.dh, activations.ps
    height = len(strip)
    for top in range(worker * height, sizes.H, workers * height):
        rows = min(height, sizes.H - top)
        step_rows(network.Whh, sums.Whh, adagrad, strip, dh, activations.hs, top, rows)
    hs = activations.hs[sizes.B :]
    for top in range(worker * height, sizes.V, workers * height):
        rows = min(height, sizes.V - top)
        step_rows(network.Why, sums.Why, adagrad, strip, ps, hs, top, rows)
    step_columns(worker, workers, network.Wxh, adagrad, dh, activations.tokens)
    if worker == 0:
        step_bias(network.bh, sums.bh, adagrad, strip, dh)
    if worker == workers - 1:
        step_bias(network.by, sums.by, adagrad, strip, ps)


@inlined
def step_rows(
    W: FloatArray, mW: FloatArray, adagrad: Adagrad, strip: FloatArray,
    errors: FloatArray, hs: FloatArray, top: int, rows: int,
) -> None:  # fmt: skip
    """Rows of a matrix from `top` on: the gradient, errorsᵀ hs, then Adagrad's step."""
    (depth, width), Hp = errors.shape, W.shape[1]
    for k in range(0, depth, block_depth):
        count = min(block_depth, depth - k)
        product(strip, 0, errors, k * width + top, 1, width, hs, k * Hp, rows, Hp, count, k > 0)
    step(W, mW, top * Hp, strip, 0, rows * Hp, adagrad)


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
