"""How much of some texts stands word for word in another, and the longest run of it in each.

Windows, which are some characters in a row, are compared by a hash of 64 bits. That any one of 2
million is found by mistake in a source of 5 million has a chance of one in a million.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.hash_set import HashSet
from flows.text.joined import reading, starts_of, texts_of
from flows.text.vocabulary import TokenArray
from rnncore import Tokens

operations = 10  # of the processor, for each window of the source


class Copied(NamedTuple):
    """What stands in the source of each of some texts."""

    shares: NDArray[np.float64]  # (S, lengths) of the windows of a length; NaN where there are none
    longest: NDArray[np.int64]  # (S,) tokens of the longest window


def copied(
    tokens: TokenArray, ends: NDArray[np.integer], source: Tokens, lengths: Sequence[int]
) -> Copied:
    """What of each text stands in `source`: `tokens` (N,) are texts that end at `ends` (S,).

    The source is read some times, in pieces. Memory is 25 to 45 bytes a token of the texts,
    however long the source is.

    >>> hello, yellow = (np.frombuffer(text, np.uint8) for text in (b"hello", b"yellow"))
    >>> copied(hello, np.array([5]), yellow, [3, 6])
    Copied(shares=array([[0.66666667,        nan]]), longest=array([4]))
    """
    search = _Search(tokens, ends, source)
    return Copied(search.shares(lengths), search.longest())


def copied_shares(
    tokens: TokenArray, ends: NDArray[np.integer], source: Tokens, lengths: Sequence[int]
) -> NDArray[np.float64]:
    """The shares alone, which take a part of the time."""
    return _Search(tokens, ends, source).shares(lengths)


class _Search:
    """What is known of the texts: a window can be in the source only if all shorter ones in it are.

    So few long windows are looked for where few short ones were found.
    """

    def __init__(self, tokens: TokenArray, ends: NDArray[np.integer], source: Tokens) -> None:
        from flows.text import window_limits, window_search  # here, since numba is slow to load

        self._kernels, self._limits, self._source = window_search, window_limits, source
        self._tokens, self._ends = texts_of(tokens, ends)
        self._sizes = np.diff(self._ends, prepend=0)  # (S,)
        self._most = np.minimum(self._sizes, len(source))  # (S,) what the longest can be
        self._best = np.zeros(len(ends), np.int64)  # (S,) the longest that was found
        self._reach = np.empty(len(tokens), np.int32)  # (N,) what can be copied from each token on
        self._slots = np.empty(len(tokens), np.int32)  # (N,) in the set that is searched for
        self._powers = np.full(int(self._most.max(initial=0)) + 1, window_search.base)
        self._powers[0] = 1
        np.cumprod(self._powers, out=self._powers)
        window_limits.limit(self._ends, len(source), self._reach)

    def shares(self, lengths: Sequence[int]) -> NDArray[np.float64]:
        """The share of the windows of each length, (S, lengths); the shortest are sought first."""
        if min(lengths, default=1) < 1:
            raise ValueError(f"lengths of windows are 1 or more, not {min(lengths)}")
        shares = np.full((len(self._ends), len(lengths)), np.nan)
        for column in np.argsort(lengths, kind="stable"):
            hits = self._find(np.full(len(self._ends), lengths[column]))
            windows = self._sizes - lengths[column] + 1
            np.divide(hits, windows, out=shares[:, column], where=windows > 0)
        return shares

    def longest(self) -> NDArray[np.int64]:
        """The longest window that was found in each text, (S,).

        A search by halves over multiples of ever smaller powers of two: so a length that many
        texts ask about is sought once.
        """
        for bits in reversed(range(int(self._most.max(initial=0)).bit_length())):
            wanted = self._most >> bits << bits
            self._find(np.where(wanted > self._best, wanted, 0))
        return self._best

    def _find(self, wanted: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many windows of the length that is wanted of each text, 0 for none, were found."""
        kernels, texts = self._kernels, (self._ends, wanted)
        count = self._limits.count_windows(*texts, self._reach)
        if not count:
            return np.zeros_like(wanted)
        lengths = np.unique(wanted[wanted > 0])
        begun = _begun(lengths)
        windows = HashSet.with_room(count, len(begun))
        table, sieve, starts, _ = windows
        what = self._powers, begun, self._reach
        kernels.insert_windows(self._tokens, *texts, *what, table, sieve, starts, self._slots)
        self._mark(lengths, begun, windows)
        hits: NDArray[np.int64] = self._limits.settle(
            *texts, self._slots, windows.found, self._reach, self._most
        )
        self._best = np.where(hits > 0, np.maximum(self._best, wanted), self._best)
        return hits

    def _mark(self, lengths: NDArray[np.int64], begun: NDArray[np.int64], windows: HashSet) -> None:
        """Look for a set of windows of some lengths in the source; two threads may mark one slot."""
        from rnncore.kernels.simd import threads_for

        longest = int(lengths[-1])
        starts = starts_of(self._source, longest)
        what = lengths, begun, self._powers, *windows

        def mark(start: int) -> None:
            with reading(self._source, start, start + starts.step + longest - 1) as part:
                self._kernels.mark_windows(part, starts.step, *what)

        threads = threads_for(operations * len(self._source) * len(lengths))
        with ThreadPoolExecutor(threads) as pool:  # in the caller's context, of log records
            list(pool.map(lambda start: copy_context().run(mark, start), starts))


def _begun(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of several ascending lengths that are the first, or twice as long as the one before.

    Where no window begins by one of them, longer ones need not be looked for.
    """
    begun: list[int] = []
    for length in lengths.tolist() if len(lengths) > 1 else ():
        if not begun or length >= 2 * begun[-1]:
            begun.append(length)
    return np.array(begun, np.int64)
