"""The passes over one sequence: forward, output layer, backward; each for a share of its rows.

A pass computes each element alone and in one order, so the bits do not depend on how many threads
share the work.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import (
    broadcast,
    clamp,
    compiled,
    copy,
    exp,
    inlined,
    lanes,
    load,
    max_lanes,
    product,
    row_product,
    store,
    sum_lanes,
    tanh,
)
from rnncore.kernels.workspace import Activations, Sizes, Text, Transposed, Weights
from rnncore.parameters import FloatArray

block_rows = 256  # rows of the output layer at a time: they are still in the cache when read again


@inlined
def forward_pass(
    sizes: Sizes, network: Weights, transposed: Transposed, activations: Activations, text: Text,
    position: int, hidden: FloatArray, first: int, last: int,
) -> None:  # fmt: skip
    """Hidden states of streams `first` to `last` over T characters from `position` on."""
    T, B, hs, tokens = sizes.T, sizes.B, activations.hs, activations.tokens
    Hp = hs.shape[1]
    for t in range(T + 1):
        for b in range(first, last):
            tokens[t, b] = token_at(text, b * text.length + position + t)
    copy(hidden, first * Hp, hs, first * Hp, (last - first) * Hp)
    for t in range(T):
        before = (t * B + first) * Hp
        after = before + B * Hp
        product_with_rows(
            hs, after, hs, before, network.Whh, transposed.WhhT, last - first, sizes.H
        )
        add_input_and_tanh(network, tokens[t, first:last], hs, after // Hp)


@inlined
def token_at(text: Text, index: int) -> int:
    """Token `index` of the text, assembled from its bytes."""
    if text.width == 1:
        return int(text.bytes[index])
    value = 0
    for n in range(text.width):
        value |= int(text.bytes[index * text.width + n]) << (8 * n)
    return value


@inlined
def product_with_rows(
    C: FloatArray, c: int, A: FloatArray, a: int, W: FloatArray, WT: FloatArray, rows: int,
    depth: int,
) -> None:  # fmt: skip
    """C = A Wᵀ for `rows` rows; with the transposed copy of W where there is one."""
    if len(WT) > 0:
        product(C, c, A, a, W.shape[1], 1, WT, 0, rows, len(W), depth, False)
    else:
        row_product(C, c, A, a, W, rows)


@inlined
def add_input_and_tanh(
    network: Weights, tokens: NDArray[np.int64], hs: FloatArray, after: int
) -> None:
    """Rows from `after` on hold Whh h; add the column of Wxh and the bias, then take tanh."""
    Hp = hs.shape[1]
    for n in range(len(tokens)):
        for j in range(0, Hp, lanes(hs)):
            h = (after + n) * Hp + j
            x = load(network.Wxh, tokens[n] * Hp + j) + load(network.bh, j)
            store(hs, h, tanh(x + load(hs, h)))


@inlined
def output_layer(
    sizes: Sizes, network: Weights, transposed: Transposed, activations: Activations, top: int,
    bottom: int,
) -> None:  # fmt: skip
    """Loss and dy of rows `top` to `bottom`, and the part of dh that comes from dy."""
    V, B = sizes.V, sizes.B
    hs, ps, nats = activations.hs, activations.ps, activations.nats.reshape(-1)
    targets = activations.tokens[1:].reshape(-1)
    Hp, Vp = hs.shape[1], ps.shape[1]
    for start in range(top, bottom, block_rows):
        rows = min(block_rows, bottom - start)
        h, y = (B + start) * Hp, start * Vp
        product_with_rows(ps, y, hs, h, network.Why, transposed.WhyT, rows, sizes.H)
        for row in range(start, start + rows):
            nats[row] = softmax_loss(ps, row * Vp, network.by, targets[row], 1 / B)
        product(activations.dh, start * Hp, ps, y, Vp, 1, network.Why, 0, rows, Hp, V, False)


@compiled
def softmax_loss(ps: FloatArray, start: int, by: FloatArray, target: int, scale: float) -> float:
    """Loss of `target` in nats; the row of scores, without their bias, becomes dy × `scale`.

    The largest score is subtracted first, so exp cannot overflow; the loss is computed from the
    scores, so a probability of zero does not make it infinite.
    """
    shift = largest_score(ps, start, by)
    chosen = ps.flat[start + target] + by[target] - shift
    sums = broadcast(ps, 0.0)
    for v in range(0, len(by), lanes(by)):
        e = exp(load(ps, start + v) + load(by, v) - shift)
        store(ps, start + v, e)
        sums = sums + e
    total = sum_lanes(sums)
    for v in range(0, len(by), lanes(by)):
        store(ps, start + v, load(ps, start + v) * (scale / total))
    ps.flat[start + target] -= scale
    return float(math.log(total) - chosen)


@inlined
def largest_score(ps: FloatArray, start: int, by: FloatArray) -> float:
    """The largest of a row of scores, with their bias."""
    largest = load(ps, start) + load(by, 0)
    for v in range(lanes(by), len(by), lanes(by)):
        largest = clamp(load(ps, start + v) + load(by, v), largest, np.inf)
    score: float = max_lanes(largest)
    return score


@inlined
def backward_pass(
    sizes: Sizes, network: Weights, activations: Activations, first: int, last: int
) -> None:
    """Replace dh of streams `first` to `last` by dhraw, from the last time step to the first."""
    H, B, hs, dh = sizes.H, sizes.B, activations.hs, activations.dh
    Hp, rows = hs.shape[1], last - first
    for t in range(sizes.T - 1, -1, -1):
        start, later = (t * B + first) * Hp, ((t + 1) * B + first) * Hp  # hs has B rows more
        if t < sizes.T - 1:
            product(dh, start, dh, later, Hp, 1, network.Whh, 0, rows, Hp, H, True)
        for j in range(0, rows * Hp, lanes(hs)):
            h = load(hs, later + j)
            store(dh, start + j, load(dh, start + j) * (1.0 - h * h))
