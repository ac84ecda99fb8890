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
    inlined,
    kernel,
    lanes,
    load,
    product,
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


def window_of(network: Weights, units: int) -> Window:
    """A window for so many units."""
    rows = units + rows_at_once
    hs, tokens = like(network, rows, len(network.Whh)), np.zeros(rows, np.int64)
    return Window(hs, tokens, tokens.copy(), like(network, rows, len(network.Why)))


@kernel
def read_units(
    H: int, network: Weights, transposed: Transposed, text: Text, starts: NDArray[np.int64],
    lengths: NDArray[np.int64], hidden: FloatArray, side_by_side: int, window: Window,
    firsts: NDArray[np.int64], step: int, nats: NDArray[np.float64],
) -> None:  # fmt: skip
    """Read units, the longest first, in groups of up to `side_by_side`, as `read` reads each.

    They start with the hidden states `hidden` (units, H), or (0, H): with zeros.
    """
    units, Hp = len(lengths), window.hs.shape[1]
    groups = (units + side_by_side - 1) // side_by_side
    for group in range(groups):
        first, last = units * group // groups, units * (group + 1) // groups
        clear(window.hs, 0, (last - first) * Hp)
        if len(hidden) > 0:
            for n in range(first, last):
                window.hs[n - first, :H] = hidden[n]
        bounds = starts[first:last], lengths[first:last]
        read_group(H, network, transposed, text, bounds, window, firsts[first:last], step, nats)


@kernel
def read(
    H: int, network: Weights, transposed: Transposed, text: Text, hidden: FloatArray,
    window: Window, nats: NDArray[np.float64],
) -> int:  # fmt: skip
    """Read a text of one stream from the hidden state `hidden` (H,); add its loss to `nats` (1,).

    The row of `window` that is returned holds the last hidden state.
    """
    zero = np.zeros(1, np.int64)
    window.hs[0, :H] = hidden
    bounds = zero, zero + text.length
    return read_group(H, network, transposed, text, bounds, window, zero, 0, nats)


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
        product(hs, after * Hp, hs, before * Hp, Hp, 1, transposed.WhhT, 0, active, Hp, H, False)
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
    product(ps, 0, window.hs, top * Hp, Hp, 1, transposed.WhyT, 0, bottom - top, Vp, H, False)
    for row in range(top, bottom):
        loss = cross_entropy(ps, (row - top) * Vp, network.by, window.tokens[row])
        nats[window.places[row]] += loss


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
