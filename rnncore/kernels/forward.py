"""The forward pass alone: to evaluate a text, and to sample texts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.passes import add_input_and_tanh, forward_pass, softmax_loss
from rnncore.kernels.simd import (
    broadcast,
    clamp,
    compiled,
    copy,
    exp,
    inlined,
    kernel,
    lanes,
    load,
    max_lanes,
    product,
    row_product,
    store,
    sum_lanes,
)
from rnncore.kernels.workspace import Activations, Sizes, Text, Transposed, Weights
from rnncore.parameters import FloatArray


@kernel
def read(
    sizes: Sizes, network: Weights, transposed: Transposed, activations: Activations, text: Text,
    hidden: FloatArray,
) -> float:  # fmt: skip
    """Nats of every character but the first, T at a time; `hidden` (1, Hp) is updated."""
    hs, ps, tokens = activations.hs, activations.ps, activations.tokens
    Hp, Vp = hs.shape[1], ps.shape[1]
    nats = 0.0
    for position in range(0, text.length - 1, sizes.T):
        rows = min(sizes.T, text.length - 1 - position)
        part = Sizes(sizes.H, sizes.V, rows, 1)
        forward_pass(part, network, transposed, activations, text, position, hidden, 0, 1)
        copy(hs, rows * Hp, hidden, 0, Hp)
        row_product(ps, 0, hs, Hp, network.Why, rows)
        for row in range(rows):
            nats += softmax_loss(ps, row * Vp, network.by, tokens[row + 1, 0], 1.0)
    return nats


@kernel
def sample(
    network: Weights, transposed: Transposed, hs: FloatArray, ps: FloatArray,
    tokens: NDArray[np.int64], uniforms: NDArray[np.float64], temperatures: NDArray[np.float64],
    texts: NDArray[np.int64],
) -> None:  # fmt: skip
    """Sample S texts side by side into `texts` (S, length), one character of each at a time.

    hs is (2 S, Hp): its halves hold, by turns, the hidden
    states before and after a step. ps is (S, Vp); tokens (S,) are the last characters.
    """
    (streams, length), V = texts.shape, len(network.Wxh)
    Hp, Vp = hs.shape[1], ps.shape[1]
    for n in range(length):
        before, after = streams * (n % 2), streams * ((n + 1) % 2)
        h = after * Hp
        product(hs, h, hs, before * Hp, Hp, 1, transposed.WhhT, 0, streams, Hp, Hp, False)
        add_input_and_tanh(network, tokens, hs, after)
        product(ps, 0, hs, h, Hp, 1, transposed.WhyT, 0, streams, Vp, Hp, False)
        for s in range(streams):
            tokens[s] = sample_token(ps, s * Vp, V, network.by, uniforms[s, n], temperatures[s])
            texts[s, n] = tokens[s]


@compiled
def sample_token(
    ps: FloatArray, start: int, V: int, by: FloatArray, uniform: float, temperature: float
) -> int:
    """The first token whose cumulative probability exceeds `uniform`; at 0 the most likely one."""
    largest = broadcast(ps, -np.inf)
    for v in range(0, len(by), lanes(by)):
        y = load(ps, start + v) + load(by, v)
        store(ps, start + v, y)
        largest = clamp(y, largest, np.inf)
    shift = max_lanes(largest)
    if temperature == 0:
        return first_at_least(ps, start, V, shift)
    sums = broadcast(ps, 0.0)
    for v in range(0, len(by), lanes(by)):
        e = exp((load(ps, start + v) - shift) / temperature)
        store(ps, start + v, e)
        sums = sums + e
    rest = uniform * sum_lanes(sums)
    for v in range(V):
        rest -= ps.flat[start + v]
        if rest < 0:
            return v
    return first_at_least(ps, start, V, 1.0)  # only rounding is left in `rest`: the most likely one


@inlined
def first_at_least(ps: FloatArray, start: int, V: int, bound: float) -> int:
    """The first of V elements that is at least `bound`, or else the last of them."""
    v = 0
    while v < V - 1 and ps.flat[start + v] < bound:
        v += 1
    return v
