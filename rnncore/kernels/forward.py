"""The forward pass alone: read a text, or write some."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.compiling import compiled, inlined, kernel
from rnncore.kernels.elementary import clamp, exp, largest, splat, total
from rnncore.kernels.passes import copy, read_sequence, softmax_loss, squash
from rnncore.kernels.product import product
from rnncore.kernels.row_product import row_product
from rnncore.kernels.vector import lanes, load, store
from rnncore.kernels.workspace import Passes, Sizes, Text, Weights
from rnncore.parameters import FloatArray


@kernel
def read(
    sizes: Sizes,
    network: Weights,
    passes: Passes,
    text: Text,
    hidden: FloatArray,
) -> float:
    """Nats of every character but the first, T at a time; `hidden` (1, Hp) moves along."""
    Hp, Vp = passes.hs.shape[1], passes.ps.shape[1]
    nats = 0.0
    for position in range(0, text.length - 1, sizes.T):
        rows = min(sizes.T, text.length - 1 - position)
        part = Sizes(sizes.H, sizes.V, rows, 1)
        read_sequence(part, network, passes, text, position, hidden, 0, 1)
        copy(passes.hs, rows * Hp, hidden, 0, Hp)
        row_product(passes.ps, 0, passes.hs, Hp, network.Why, rows)
        for row in range(rows):
            nats += softmax_loss(passes.ps, row * Vp, network.by, passes.tokens[row + 1, 0], 1.0)
    return nats


@kernel
def draw(
    network: Weights, hs: FloatArray, ps: FloatArray, tokens: NDArray[np.int64],
    uniforms: NDArray[np.float64], temperatures: NDArray[np.float64], drawn: NDArray[np.int64],
) -> None:  # fmt: skip
    """Write S texts side by side into `drawn` (S, length), a character of each at a time.

    The network is `turned`. hs is (2 S, Hp), half of it the memories before a step and half those
    after, in turn; ps is (S, Vp); tokens (S,) are the last characters.
    """
    (streams, length), V = drawn.shape, len(network.Wxh)
    Hp, Vp = hs.shape[1], ps.shape[1]
    for n in range(length):
        before, after = streams * (n % 2), streams * ((n + 1) % 2)
        h = after * Hp
        product(hs, h, hs, before * Hp, Hp, 1, network.Whh, 0, streams, Hp, Hp, False)
        squash(network, tokens, hs, after)
        product(ps, 0, hs, h, Hp, 1, network.Why, 0, streams, Vp, Hp, False)
        for s in range(streams):
            tokens[s] = choose(ps, s * Vp, V, network.by, uniforms[s, n], temperatures[s])
            drawn[s, n] = tokens[s]


@compiled
def choose(
    ps: FloatArray, start: int, V: int, by: FloatArray, uniform: float, temperature: float
) -> int:
    """The first character at which the summed probabilities pass `uniform`; at 0 the likeliest."""
    largests = splat(ps, -np.inf)
    for v in range(0, len(by), lanes(by)):
        y = load(ps, start + v) + load(by, v)
        store(ps, start + v, y)
        largests = clamp(y, largests, np.inf)
    shift = largest(largests)
    if temperature == 0:
        return first_of(ps, start, V, shift)
    sums = splat(ps, 0.0)
    for v in range(0, len(by), lanes(by)):
        e = exp((load(ps, start + v) - shift) / temperature)
        store(ps, start + v, e)
        sums = sums + e
    rest = uniform * total(sums)
    for v in range(V):
        rest -= ps.flat[start + v]
        if rest < 0:
            return v
    return first_of(ps, start, V, 1.0)  # what is left of `rest` is rounding: take the likeliest


@inlined
def first_of(ps: FloatArray, start: int, V: int, bound: float) -> int:
    """The first of V elements that reaches `bound`."""
    v = 0
    while v < V - 1 and ps.flat[start + v] < bound:
        v += 1
    return v
