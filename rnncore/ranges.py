"""Ranges of an array: checked, merged where they touch, and cut."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.exceptions import InvalidTokens


def checked(ranges: NDArray[np.integer], length: int) -> NDArray[np.int64]:
    """Ranges (R, 2) that are within `length` tokens; `InvalidTokens` names the first that is not."""
    if ranges.ndim != 2 or ranges.shape[1] != 2 or ranges.dtype.kind not in "iu":  # noqa: PLR2004
        raise InvalidTokens(
            f"ranges must be whole numbers of shape (R, 2), not {ranges.dtype} {ranges.shape}"
        )
    bounds = ranges.astype(np.int64, copy=False)
    starts, ends = bounds[:, 0], bounds[:, 1]
    wrong = (starts < 0) | (ends < starts) | (ends > length)
    if wrong.any():
        at = int(wrong.argmax())
        raise InvalidTokens(
            f"range {at}, from {starts[at]} up to {ends[at]}, is not within {length} tokens"
        )
    return bounds


def merged(bounds: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Starts (R,) and cumulative lengths (R,): no range is empty, or begins where the last one ends."""
    full = bounds[:, 0] < bounds[:, 1]
    if not full.all():
        bounds = bounds[full]
    is_cut = np.ones(len(bounds) + 1, bool)  # before each range, and at the end
    is_cut[1:-1] = bounds[1:, 0] != bounds[:-1, 1]
    starts, ends = bounds[:, 0][is_cut[:-1]], bounds[:, 1][is_cut[1:]]
    ends -= starts  # in place: there may be millions
    return starts, np.cumsum(ends, out=ends)


def cut(
    starts: NDArray[np.int64], ends: NDArray[np.int64], start: int, stop: int
) -> NDArray[np.int64]:
    """The ranges (R, 2) of a part of the text that merged ranges are, from `start` up to `stop`.

    >>> cut(np.array([5, 20]), np.array([10, 14]), 8, 12).tolist()
    [[13, 15], [20, 22]]
    """
    if not 0 <= start <= stop <= (int(ends[-1]) if len(ends) else 0):
        raise InvalidTokens(f"tokens from {start} up to {stop} are not within the text")
    befores = np.concatenate([[0], ends[:-1]])  # where each range starts in the text
    lows, highs = np.maximum(befores, start), np.minimum(ends, stop)
    shift = starts - befores
    keep = lows < highs
    return np.stack([lows[keep] + shift[keep], highs[keep] + shift[keep]], axis=1)
