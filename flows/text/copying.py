"""How much of some texts stands word for word in another, by the length of what is copied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from rnncore import Tokens

base = np.uint64(
    0x9E3779B97F4A7C15
)  # odd, so that a window's hash depends on all of its characters
windows_at_once = 1 << 20


def copied_share(texts: Sequence[NDArray[np.integer]], source: Tokens, length: int) -> float | None:
    """Share of all substrings of `length` characters of `texts` that are substrings of `source`.

    All are arrays of code points. None where every text is shorter. Substrings are compared by a
    hash of 64 bits.

    >>> hello, yellow = (np.frombuffer(t.encode("utf-32-le"), np.uint32) for t in ("hello", "yellow"))
    >>> copied_share([hello], yellow, 3)
    0.6666666666666666
    """
    wanted = [hashes for text in texts for hashes in _hashes(text, length)]
    if not wanted:
        return None
    all_windows = np.concatenate(wanted)
    distinct, counts = np.unique(all_windows, return_counts=True)
    found = np.zeros(len(distinct), bool)
    for hashes in _hashes(source, length):
        places = np.searchsorted(distinct, hashes).clip(max=len(distinct) - 1)
        found[places[distinct[places] == hashes]] = True
    return float(counts[found].sum() / counts.sum())


def _hashes(text: Tokens, length: int) -> Iterator[NDArray[np.uint64]]:
    """The hash of each window of `length` characters, some at a time."""
    count = len(text) - length + 1
    for start in range(0, count, windows_at_once):
        end = min(start + windows_at_once, count)
        part = text[start : end + length - 1].astype(np.uint64)
        hashes = np.zeros(end - start, np.uint64)
        for place in range(length):
            hashes = (hashes + part[place : end - start + place]) * base
            hashes ^= hashes >> np.uint64(29)
        yield hashes
