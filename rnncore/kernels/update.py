"""The update: gradients, clipping and Adagrad's step, fused, so that a weight is touched once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.compiling import compiled, inlined
from rnncore.kernels.elementary import clamp, fma, inverse_sqrt
from rnncore.kernels.passes import clear
from rnncore.kernels.product import product
from rnncore.kernels.vector import lanes, load, store
from rnncore.kernels.workspace import Adagrad, Passes, Sizes, Weights
from rnncore.parameters import FloatArray

strip_rows = 64  # of weights that get gradient and step while they are in the cache
block_depth = 64  # of a gradient's sum at one go: what all tiles of a strip read stays in the cache
shared_strip_rows = 32  # where threads share the weights: none may be left with much more


@inlined
def update(
    worker: int, workers: int, sizes: Sizes, network: Weights, adagrad: Adagrad, passes: Passes
) -> None:
    """Gradient, clipping and Adagrad's step of this worker's share of the weights."""
    sums, strip, dh, ps = adagrad.sums, adagrad.strips[worker], passes.dh, passes.ps
    high, rows = len(strip), 0
    for top in range(worker * high, sizes.H, workers * high):
        rows = min(high, sizes.H - top)
        step_rows(network.Whh, sums.Whh, adagrad, strip, dh, passes.hs, top, rows)
    hs = passes.hs[sizes.B :]
    for top in range(worker * high, sizes.V, workers * high):
        rows = min(high, sizes.V - top)
        step_rows(network.Why, sums.Why, adagrad, strip, ps, hs, top, rows)
    step_columns(worker, workers, network.Wxh, adagrad, dh, passes.tokens)
    if worker == 0:
        step_bias(network.bh, sums.bh, adagrad, strip, dh)
    if worker == workers - 1:
        step_bias(network.by, sums.by, adagrad, strip, ps)


@inlined
def step_rows(
    W: FloatArray, mW: FloatArray, adagrad: Adagrad, strip: FloatArray,
    errors: FloatArray, hs: FloatArray, top: int, rows: int,
) -> None:  # fmt: skip
    """Rows `top` … of a matrix: gradient = errorsᵀ hs, Adagrad's step."""
    (depth, width), Hp = errors.shape, W.shape[1]
    for k in range(0, depth, block_depth):
        deep = min(block_depth, depth - k)
        product(strip, 0, errors, k * width + top, 1, width, hs, k * Hp, rows, Hp, deep, k > 0)
    step(W, mW, top * Hp, strip, 0, rows * Hp, adagrad)


@inlined
def step_columns(
    worker: int, workers: int, Wxh: FloatArray, adagrad: Adagrad, dh: FloatArray,
    tokens: NDArray[np.int64],
) -> None:  # fmt: skip
    """The columns of Wxh whose characters were read; others have no gradient, so no step."""
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
    """A bias: its gradient is the sum of the errors' rows."""
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
    """Clip the gradient of `count` weights and make Adagrad's step: each is touched once."""
    for n in range(0, count, lanes(W)):
        d = clamp(load(dW, d_start + n), -adagrad.clip, adagrad.clip)
        m = fma(d, d, load(mW, start + n))
        store(mW, start + n, m)
        w = load(W, start + n) - d * adagrad.learning_rate * inverse_sqrt(m + 1e-8)
        store(W, start + n, w)
