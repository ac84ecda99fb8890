"""How much of some texts stands word for word in another, by the length of what is copied."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnncore import Tokens

Texts = Sequence[NDArray[np.integer]]
windows_at_once = 1 << 20
least_room = 8  # slots for each substring: few searches meet another one


def copied_shares(
    groups: Sequence[Texts], source: Tokens, lengths: Sequence[int]
) -> list[list[float | None]]:
    """For each length the share of all substrings of each group's texts that are in `source`.

    All are arrays of code points. None where every text of a group is shorter. Substrings are
    compared by a hash of 64 bits; the source is read once.

    >>> hello, yellow = (np.frombuffer(t.encode("utf-32-le"), np.uint32) for t in ("hello", "yellow"))
    >>> copied_shares([[hello]], yellow, [3])
    [[0.6666666666666666]]
    """
    wanted = [_Wanted(groups, length) for length in lengths]
    longest = max(lengths)
    for start in range(0, len(source), windows_at_once):
        part = source[start : start + windows_at_once + longest - 1]
        for each in wanted:
            each.search(part[: windows_at_once + each.length - 1])
    return [each.shares() for each in wanted]


class _Wanted:
    """The substrings of one length, and which of them were found."""

    def __init__(self, groups: Sequence[Texts], length: int) -> None:
        from flows.text import window_search  # here, since numba is slow to load

        self._kernels = window_search
        self.length = length
        self._power = np.uint64(pow(int(window_search.base), length, 1 << 64))
        self._hashes = [
            np.concatenate([np.empty(0, np.uint64), *map(self._hash, texts)]) for texts in groups
        ]
        slots = 1 << (least_room * sum(map(len, self._hashes))).bit_length()
        self._table: NDArray[np.uint64] = np.zeros(slots, np.uint64)
        self._found: NDArray[np.uint8] = np.zeros(slots, np.uint8)
        for hashes in self._hashes:
            window_search.insert(hashes, self._table)

    def search(self, part: NDArray[np.integer]) -> None:
        """Look for them in a part of the source."""
        self._kernels.mark(self._hash(part), self._table, self._found)

    def shares(self) -> list[float | None]:
        """The share of each group that was found."""
        return [
            self._kernels.count(hashes, self._table, self._found) / len(hashes)
            if len(hashes)
            else None
            for hashes in self._hashes
        ]

    def _hash(self, text: NDArray[np.integer]) -> NDArray[np.uint64]:
        hashes = np.empty(max(0, len(text) - self.length + 1), np.uint64)
        self._kernels.hash_windows(text, self.length, self._power, hashes)
        return hashes
