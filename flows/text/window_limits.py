"""What can still be copied from each token of some texts on, compiled.

A window can be in the source only if all shorter ones in it are, so what was not found limits the
windows around it. This module loads numba: import it where it is used.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import kernel

Ends = NDArray[np.int64]  # (S,) where each of some texts ends


@kernel
def limit(ends: Ends, most: int, reach: NDArray[np.int32]) -> None:
    """What can at most be copied from each character (N,) on: up to the end of its text, or `most`."""
    start = 0
    for end in ends:
        for at in range(start, end):
            reach[at] = min(end - at, most)
        start = end


@kernel
def count_windows(ends: Ends, wanted: NDArray[np.int64], reach: NDArray[np.int32]) -> int:
    """How many windows of the length that is `wanted` of each text (S,), 0 for none, may be copied."""
    total = start = 0
    for text in range(len(ends)):
        if wanted[text]:
            for at in range(start, ends[text]):
                total += reach[at] >= wanted[text]
        start = ends[text]
    return total


@kernel
def settle(
    ends: Ends,
    wanted: NDArray[np.int64],
    slots: NDArray[np.int32],
    found: NDArray[np.uint8],
    reach: NDArray[np.int32],
    most: NDArray[np.int64],
) -> NDArray[np.int64]:
    """How many wanted windows of each text (S,) were found; what was not limits `reach` and `most`."""
    hits, start = np.zeros(len(ends), np.int64), 0
    for text in range(len(ends)):
        length, longest = wanted[text], 0
        for back in range(ends[text] - start if length else 0):
            at = ends[text] - 1 - back
            possible = int(reach[at])
            if possible >= length:
                if found[slots[at]]:
                    hits[text] += 1
                else:
                    possible = length - 1
            # Nothing ends later than what is copied from the next character on.
            possible = min(possible, int(reach[at + 1]) + 1 if back else 1)
            reach[at] = possible
            longest = max(longest, possible)
        if length:
            most[text] = longest
        start = ends[text]
    return hits
