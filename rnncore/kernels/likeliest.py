"""The likeliest tokens: a number of them, or the fewest that have a probability together.

A score is looked for, that of the last token to keep, by bisection. Each pass reads all tokens in
whole vectors, and their number is about the logarithm of V; so no token is sorted.
"""

from __future__ import annotations

import numpy as np

from rnncore.kernels.simd import (
    broadcast,
    clamp,
    compiled,
    if_less,
    inlined,
    lanes,
    load,
    max_lanes,
    min_lanes,
    store,
    sum_lanes,
)
from rnncore.parameters import FloatArray


@compiled
def keep_likeliest(
    ps: FloatArray, start: int, V: int, es: FloatArray, goal: float, is_count: bool
) -> float:
    """Keep the fewest tokens with the largest scores that reach `goal`; returns the sum of theirs.

    `ps` has the scores from `start` on, `es` (Vp,) the unnormalised probabilities: those of the
    other tokens become zero. `goal` is a number of tokens, or a sum of `es`. Of tokens with equal
    scores the lower ones are kept.
    """
    low, high = range_of_scores(ps, start, es)
    while low < high:  # both are scores; that of the last token to keep is between them
        middle = middle_of(ps, low, high)
        if not low < middle <= high:
            middle = high
        reached, above, below = split(ps, start, es, middle, is_count)
        if reached >= goal:
            low = above
        else:
            high = below
    return drop_less(ps, start, V, es, low, goal, is_count)


@inlined
def middle_of(ps: FloatArray, low: float, high: float) -> float:
    """The middle of two scores, rounded to their type; their sum may be too large for it."""
    score: float = max_lanes(broadcast(ps, low) * 0.5 + broadcast(ps, high) * 0.5)
    return score


@inlined
def range_of_scores(ps: FloatArray, start: int, es: FloatArray) -> tuple[float, float]:
    """The smallest finite score of a row, and the largest one."""
    smallest, largest = broadcast(ps, np.inf), broadcast(ps, -np.inf)
    for v in range(0, len(es), lanes(es)):
        y = load(ps, start + v)
        smallest = clamp(if_less(-np.inf, y, y, np.inf), -np.inf, smallest)  # not of the padding
        largest = clamp(y, largest, np.inf)
    return min_lanes(smallest), max_lanes(largest)


@inlined
def split(
    ps: FloatArray, start: int, es: FloatArray, bound: float, is_count: bool
) -> tuple[float, float, float]:
    """What the tokens with scores of at least `bound` reach, their smallest score, and the next."""
    sums, above, below = broadcast(ps, 0.0), broadcast(ps, np.inf), broadcast(ps, -np.inf)
    for v in range(0, len(es), lanes(es)):
        y = load(ps, start + v)
        amount = broadcast(ps, 1.0) if is_count else load(es, v)
        sums = sums + if_less(y, bound, 0.0, amount)
        above = clamp(if_less(y, bound, np.inf, y), -np.inf, above)
        below = clamp(if_less(y, bound, y, -np.inf), below, np.inf)
    return sum_lanes(sums), min_lanes(above), max_lanes(below)


@inlined
def drop_less(
    ps: FloatArray, start: int, V: int, es: FloatArray, bound: float, goal: float, is_count: bool
) -> float:
    """Drop tokens with scores below `bound`, and of those that have it all beyond the goal."""
    sums, equal = broadcast(ps, 0.0), broadcast(ps, 0.0)
    for v in range(0, len(es), lanes(es)):
        y, amount = load(ps, start + v), broadcast(ps, 1.0) if is_count else load(es, v)
        sums = sums + if_less(bound, y, amount, 0.0)
        equal = equal + if_less(y, bound, 0.0, if_less(bound, y, 0.0, 1.0))
        store(es, v, if_less(y, bound, 0.0, load(es, v)))
    reached = np.float64(sum_lanes(sums))
    if sum_lanes(equal) > 1:
        for v in range(V):
            if ps.flat[start + v] == bound:
                if reached >= goal:
                    es.flat[v] = 0.0
                else:
                    reached += 1.0 if is_count else es.flat[v]
    return total_of(es)


@inlined
def total_of(es: FloatArray) -> float:
    """The sum of a row, in the order of every sum of a row."""
    sums = broadcast(es, 0.0)
    for v in range(0, len(es), lanes(es)):
        sums = sums + load(es, v)
    total: float = sum_lanes(sums)
    return total
