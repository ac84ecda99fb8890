"""The forward pass alone, to read a text: the loss of each of its characters."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.passes import add_input_and_tanh, largest_score, token_at
from rnncore.kernels.simd import (
    broadcast,
    clear,
    compiled,
    copy,
    exp,
    in_halves,
    inlined,
    kernel,
    lanes,
    load,
    product_of_columns,
    sum_lanes,
)
from rnncore.kernels.workspace import Text, Transposed, Weights, like
from rnncore.parameters import FloatArray

rows_at_once = 256  # time steps × units, whose scores are one product; both stay in the cache


class Window(NamedTuple):
    """The last time steps of units that are read side by side; each row is a character of one.

    The first rows, one for each unit, are the time step before.
    """

    hs: FloatArray  # (rows, Hp) hidden states
    tokens: NDArray[np.int64]  # (rows,) the character that follows
    places: NDArray[np.int64]  # (rows,) where its loss is added
    ps: FloatArray  # (rows, Vp) scores
    halves: Halves


class Halves(NamedTuple):
    """Views of arrays in half vectors, for the last columns of a product."""

    hs: FloatArray
    ps: FloatArray
    WhhT: FloatArray
    WhyT: FloatArray


def window_of(network: Weights, transposed: Transposed, units: int) -> Window:
    """A window for so many units."""
    rows = units + rows_at_once
    hs, tokens = like(network, rows, len(network.Whh)), np.zeros(rows, np.int64)
    ps = like(network, rows, len(network.Why))
    return Window(hs, tokens, tokens.copy(), ps, Halves(*map(in_halves, (hs, ps, *transposed))))


@kernel
def read_units(
    H: int, network: Weights, transposed: Transposed, text: Text, starts: NDArray[np.int64],
    lengths: NDArray[np.int64], hidden: FloatArray, side_by_side: int, window: Window,
    firsts: NDArray[np.int64], step: int, nats: NDArray[np.float64],
) -> int:  # fmt: skip
    """Read units, the longest first, in groups of up to `side_by_side`, as `read_group` does.

    They start with the hidden states `hidden` (units, H), or (0, H): with zeros. Returns the row of
    `window` with the last hidden state of the first unit of the last group.
    """
    units, Hp, row = len(lengths), window.hs.shape[1], 0
    groups = (units + side_by_side - 1) // side_by_side
    for group in range(groups):
        first, last = units * group // groups, units * (group + 1) // groups
        clear(window.hs, 0, (last - first) * Hp)
        if len(hidden) > 0:
            for n in range(first, last):
                window.hs[n - first, :H] = hidden[n]
        bounds = starts[first:last], lengths[first:last]
        row = read_group(
            H, network, transposed, text, bounds, window, firsts[first:last], step, nats
        )
    return row


@compiled
def read_group(
    H: int, network: Weights, transposed: Transposed, text: Text,
    bounds: tuple[NDArray[np.int64], NDArray[np.int64]], window: Window, firsts: NDArray[np.int64],
    step: int, nats: NDArray[np.float64],
) -> int:  # fmt: skip
    """Read units of a text side by side, the longest first; add the loss of each character.

    `bounds` are where they start, and their lengths. The loss of character t of unit n is added to
    `nats[firsts[n] + t * step]`: with a step of 0 all of a unit are added up. `window` starts with a
    hidden state for each unit; the row of it that is returned holds the last one of the first unit.
    """
    hs, tokens, places = window.hs, window.tokens, window.places
    (starts, lengths), Hp = bounds, hs.shape[1]
    active = len(lengths)
    before, after = 0, active  # rows: the last time step, and the next one
    for n in range(active):
        tokens[n] = token_at(text, starts[n])
    for t in range(1, lengths[0]):
        while lengths[active - 1] <= t:
            active -= 1  # the first rows remain, since the longest units are first
        if after + active > len(hs):
            add_nats(H, network, transposed, window, len(lengths), after, nats)
            copy(hs, before * Hp, hs, 0, active * Hp)
            tokens[:active] = tokens[before : before + active]
            before, after = 0, len(lengths)
        product_without_padding(
            hs, window.halves.hs, after * Hp, hs, before * Hp, transposed.WhhT, window.halves.WhhT,
            active, H, H,
        )  # fmt: skip
        add_input_and_tanh(network, tokens[before : before + active], hs, after)
        for n in range(active):
            tokens[after + n] = token_at(text, starts[n] + t)
            places[after + n] = firsts[n] + t * step
        before, after = after, after + active
    add_nats(H, network, transposed, window, len(lengths), after, nats)
    return before


@inlined
def add_nats(
    H: int, network: Weights, transposed: Transposed, window: Window, top: int, bottom: int,
    nats: NDArray[np.float64],
) -> None:  # fmt: skip
    """Add the loss of each row from `top` to `bottom` to the nats of its place."""
    ps, Hp, Vp = window.ps, window.hs.shape[1], window.ps.shape[1]
    product_without_padding(
        ps, window.halves.ps, 0, window.hs, top * Hp, transposed.WhyT, window.halves.WhyT,
        bottom - top, len(network.Wxh), H,
    )  # fmt: skip
    for row in range(top, bottom):
        loss = cross_entropy(ps, (row - top) * Vp, network.by, window.tokens[row])
        nats[window.places[row]] += loss


@inlined
def product_without_padding(
    C: FloatArray, C_halves: FloatArray, c: int, A: FloatArray, a: int, B: FloatArray,
    B_halves: FloatArray, rows: int, used: int, depth: int,
) -> None:  # fmt: skip
    """C = A B for the `used` columns: the last of them in a half vector, if it can hold them.

    The rest of the padding stays as it is.
    """
    stride, columns, whole = A.shape[1], C.shape[1], used // lanes(C) * lanes(C)
    if used - whole > lanes(C) - lanes(C_halves):  # or there are no half registers
        whole += lanes(C)
    product_of_columns(C, c, A, a, stride, 1, B, 0, rows, whole, columns, depth, False)
    if used > whole:
        product_of_columns(
            C_halves, c + whole, A, a, stride, 1, B_halves, whole, rows, lanes(C_halves), columns,
            depth, False,
        )  # fmt: skip


@compiled
def cross_entropy(ps: FloatArray, start: int, by: FloatArray, target: int) -> float:
    """Loss of `target` in nats, of a row of scores without their bias.

    The largest score is subtracted first, so exp cannot overflow; the loss is computed from the
    scores, so a probability of zero does not make it infinite.
    """
    shift = largest_score(ps, start, by)
    sums = broadcast(ps, 0.0)
    for v in range(0, len(by), lanes(by)):
        sums = sums + exp(load(ps, start + v) + load(by, v) - shift)
    return float(math.log(sum_lanes(sums)) - (ps.flat[start + target] + by[target] - shift))
