"""A set of hashes of 64 bits that are looked for: the arrays that `window_search` works on."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class HashSet(NamedTuple):
    """Hashes to look for, and which of them were found."""

    table: NDArray[np.uint64]  # (slots,) 0 where one is free
    sieve: NDArray[np.uint8]  # (slots,) 8 bits a slot, set where the search for a hash begins
    starts: NDArray[np.uint8]  # a sieve of what the windows begin with, for each length of that
    found: NDArray[np.uint8]  # (slots,)

    @classmethod
    def with_room(cls, count: int, of_starts: int = 0) -> HashSet:
        """An empty set for so many hashes; of windows with beginnings of so many lengths."""
        slots = count * 5 // 3 + 1
        sizes = slots, 4 * count * of_starts, slots
        return cls(np.zeros(slots, np.uint64), *(np.zeros(size, np.uint8) for size in sizes))
