"""The passes over one sequence: forward, output layer, backward; each for a share of its rows.

A pass computes every element in full and in one order, whoever computes it, so the number of
threads that share the work never changes a bit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.compiling import compiled, inlined
from rnncore.kernels.elementary import clamp, exp, largest, splat, tanh, total
from rnncore.kernels.product import product
from rnncore.kernels.row_product import row_product
from rnncore.kernels.vector import lanes, load, store
from rnncore.kernels.workspace import Passes, Sizes, Text, Weights
from rnncore.parameters import FloatArray

block_rows = 256  # of a sum or a softmax done at one go: what is read again is still in the cache


@inlined
def read_sequence(
    sizes: Sizes, network: Weights, passes: Passes, text: Text, position: int, hidden: FloatArray,
    first: int, last: int,
) -> None:  # fmt: skip
    """Forward: memories of streams `first` to `last` over T characters from `position` on."""
    T, B, Hp = sizes.T, sizes.B, passes.hs.shape[1]
    for t in range(T + 1):
        for b in range(first, last):
            passes.tokens[t, b] = token(text, b * text.length + position + t)
    copy(hidden, first * Hp, passes.hs, first * Hp, (last - first) * Hp)
    for t in range(T):
        row = t * B + first
        remember(network, passes.tokens[t, first:last], passes.hs, row, row + B)


@inlined
def token(text: Text, index: int) -> int:
    """Token `index` of the text, put together from its bytes."""
    value = 0
    for n in range(text.width):
        value |= int(text.bytes[index * text.width + n]) << (8 * n)
    return value


@inlined
def remember(
    network: Weights, tokens: NDArray[np.int64], hs: FloatArray, before: int, after: int
) -> None:
    """One step of memory: rows from `before` on, with a character each, give those from `after` on."""
    Hp = hs.shape[1]
    row_product(hs, after * Hp, hs, before * Hp, network.Whh, len(tokens))
    squash(network, tokens, hs, after)


@inlined
def squash(network: Weights, tokens: NDArray[np.int64], hs: FloatArray, after: int) -> None:
    """Rows from `after` on, so far Whh times the memories before, with what was read: tanh of all."""
    Hp = hs.shape[1]
    for n in range(len(tokens)):
        for j in range(0, Hp, lanes(hs)):
            h = (after + n) * Hp + j
            x = load(network.Wxh, tokens[n] * Hp + j) + load(network.bh, j)
            store(hs, h, tanh(x + load(hs, h)))


@inlined
def output(sizes: Sizes, network: Weights, passes: Passes, top: int, bottom: int) -> None:
    """Loss and dy of rows `top` to `bottom`, and what their error says of the memory."""
    V, B = sizes.V, sizes.B
    hs, ps, nats = passes.hs, passes.ps, passes.nats.reshape(-1)
    targets = passes.tokens[1:].reshape(-1)
    Hp, Vp = hs.shape[1], ps.shape[1]
    for start in range(top, bottom, block_rows):
        rows = min(block_rows, bottom - start)
        h, y = (B + start) * Hp, start * Vp
        row_product(ps, y, hs, h, network.Why, rows)
        for row in range(start, start + rows):
            nats[row] = softmax_loss(ps, row * Vp, network.by, targets[row], 1 / B)
        product(passes.dh, start * Hp, ps, y, Vp, 1, network.Why, 0, rows, Hp, V, False)


@compiled
def softmax_loss(ps: FloatArray, start: int, by: FloatArray, target: int, share: float) -> float:
    """Nats of `target`; the row of scores, short of their bias, turns into dy × `share`.

    The largest score is subtracted first, so exp cannot overflow; the loss is taken from the
    scores, so a probability of zero does not make it infinite.
    """
    largests = load(ps, start) + load(by, 0)
    for v in range(lanes(by), len(by), lanes(by)):
        largests = clamp(load(ps, start + v) + load(by, v), largests, np.inf)
    shift = largest(largests)
    chosen = ps.flat[start + target] + by[target] - shift
    sums = splat(ps, 0.0)
    for v in range(0, len(by), lanes(by)):
        e = exp(load(ps, start + v) + load(by, v) - shift)
        store(ps, start + v, e)
        sums = sums + e
    whole = total(sums)
    for v in range(0, len(by), lanes(by)):
        store(ps, start + v, load(ps, start + v) * (share / whole))
    ps.flat[start + target] -= share
    return float(math.log(whole) - chosen)


@inlined
def backward(sizes: Sizes, network: Weights, passes: Passes, first: int, last: int) -> None:
    """Dhraw of streams `first` to `last`, in place of dh, from the last character to the first."""
    H, B, hs, dh = sizes.H, sizes.B, passes.hs, passes.dh
    Hp, rows = hs.shape[1], last - first
    for t in range(sizes.T - 1, -1, -1):
        start, later = (t * B + first) * Hp, ((t + 1) * B + first) * Hp  # hs has B rows more
        if t < sizes.T - 1:
            product(dh, start, dh, later, Hp, 1, network.Whh, 0, rows, Hp, H, True)
        for j in range(0, rows * Hp, lanes(hs)):
            h = load(hs, later + j)
            store(dh, start + j, load(dh, start + j) * (1.0 - h * h))


@inlined
def copy(source: FloatArray, start: int, target: FloatArray, at: int, count: int) -> None:
    """Copy `count` elements, whole vectors."""
    for n in range(0, count, lanes(source)):
        store(target, at + n, load(source, start + n))


@inlined
def clear(array: FloatArray, start: int, end: int) -> None:
    """Set elements to zero, whole vectors."""
    for n in range(start, end, lanes(array)):
        store(array, n, splat(array, 0.0))
