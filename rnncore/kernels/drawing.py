"""Draw texts side by side, one character of each at a time, by the probabilities of the network."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.likeliest import keep_likeliest
from rnncore.kernels.passes import add_input_and_tanh
from rnncore.kernels.simd import (
    broadcast,
    clamp,
    compiled,
    exp,
    inlined,
    kernel,
    lanes,
    load,
    max_lanes,
    product,
    store,
    sum_lanes,
)
from rnncore.kernels.workspace import Transposed, Weights
from rnncore.parameters import FloatArray


@kernel
def draw(
    H: int, network: Weights, transposed: Transposed, hs: FloatArray, ps: FloatArray,
    es: FloatArray, tokens: NDArray[np.int64], uniforms: NDArray[np.float64],
    temperatures: FloatArray, top_k: int, top_p: float, texts: NDArray[np.int64],
    nats: NDArray[np.float64],
) -> None:  # fmt: skip
    """Draw S texts into `texts` (S, length), and what each character costs into `nats`.

    hs is (2 S, Hp): its halves hold, by turns, the hidden states before and after a step. ps is
    (S, Vp), es (Vp,); tokens (S,) are the last characters.
    """
    (streams, length), V = texts.shape, len(network.Wxh)
    Hp, Vp = hs.shape[1], ps.shape[1]
    for n in range(length):
        before, after = streams * (n % 2), streams * ((n + 1) % 2)
        h = after * Hp
        product(hs, h, hs, before * Hp, Hp, 1, transposed.WhhT, 0, streams, Hp, H, False)
        add_input_and_tanh(network, tokens, hs, after)
        product(ps, 0, hs, h, Hp, 1, transposed.WhyT, 0, streams, Vp, H, False)
        for s in range(streams):
            tokens[s], nats[s, n] = draw_token(
                ps, s * Vp, V, network.by, es, uniforms[s, n], temperatures[s], top_k, top_p
            )
            texts[s, n] = tokens[s]


@compiled
def draw_token(
    ps: FloatArray, start: int, V: int, by: FloatArray, es: FloatArray, uniform: float,
    temperature: float, top_k: int, top_p: float,
) -> tuple[int, float]:  # fmt: skip
    """A token, and its cross entropy in nats as `forward.cross_entropy` finds it.

    It is the first whose cumulative probability exceeds `uniform`, among the `top_k` likeliest and
    of these the fewest that have the probability `top_p`; at temperature 0 it is the likeliest.
    """
    shift = add_bias(ps, start, by)
    plain, total = exponentials(ps, start, shift, temperature, es)
    if temperature == 0:
        token = first_at_least(ps, start, V, shift)
    else:
        if top_k < V:
            total = keep_likeliest(ps, start, V, es, float(top_k), True)
        if top_p < 1:
            total = keep_likeliest(ps, start, V, es, float(top_p * total), False)
        token = choose(es, V, uniform * total)
    return token, float(math.log(plain) - (ps.flat[start + token] - shift))


@inlined
def add_bias(ps: FloatArray, start: int, by: FloatArray) -> float:
    """Add the bias to a row of scores; returns the largest of them."""
    largest = broadcast(ps, -np.inf)
    for v in range(0, len(by), lanes(by)):
        y = load(ps, start + v) + load(by, v)
        store(ps, start + v, y)
        largest = clamp(y, largest, np.inf)
    score: float = max_lanes(largest)
    return score


@inlined
def exponentials(
    ps: FloatArray, start: int, shift: float, temperature: float, es: FloatArray
) -> tuple[float, float]:
    """Unnormalised probabilities of a row of scores, the largest of them 1.

    Returns their sum at temperature 1, and at the given one.
    """
    plain, sums = broadcast(ps, 0.0), broadcast(ps, 0.0)
    if temperature == 0 or temperature == 1:  # noqa: PLR1714 - numba knows no sets of both
        for v in range(0, len(es), lanes(es)):
            e = exp(load(ps, start + v) - shift)
            store(es, v, e)
            plain = plain + e
        return sum_lanes(plain), sum_lanes(plain)
    for v in range(0, len(es), lanes(es)):
        y = load(ps, start + v) - shift
        e = exp(y / temperature)
        store(es, v, e)
        plain, sums = plain + exp(y), sums + e
    return sum_lanes(plain), sum_lanes(sums)


@inlined
def choose(es: FloatArray, V: int, rest: float) -> int:
    """The first token up to which the unnormalised probabilities add up to more than `rest`."""
    for v in range(V):
        rest -= float(es.flat[v])
        if rest < 0:
            return v
    return first_at_least(es, 0, V, 1.0)  # only rounding is left in `rest`: the most likely one


@inlined
def first_at_least(ps: FloatArray, start: int, V: int, bound: float) -> int:
    """The first of V elements that is at least `bound`, or else the last of them."""
    v = 0
    while v < V - 1 and ps.flat[start + v] < bound:
        v += 1
    return v
