"""Drawing samples: many at a time, slice by slice, each until its stop text or its length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.parameters import SamplingOptions
from flows.reporting.samples.grid import Grid, Rows
from flows.reporting.samples.priming import Start
from flows.text.vocabulary import TokenArray
from rnncore.parameters import Parameters
from rnncore.sampling import draw

tokens_at_once = 1 << 21  # of samples that are drawn and measured together
most_at_once, least_at_once = 20_000, 4  # samples
tokens_of_slice = 1 << 20  # drawn by one call
stopping_slice = 64  # characters of each, where any of them may be the last


class Texts(NamedTuple):
    """Samples that were drawn, one after the other."""

    tokens: TokenArray  # (N,)
    ends: NDArray[np.int64]  # (S,) where each ends in `tokens`
    nats: NDArray[np.float64]  # (N,) cross entropy of each token at temperature 1
    stopped: NDArray[np.bool_]  # (S,) whether the stop text ended it


class _Slice(NamedTuple):
    """What one call drew."""

    samples: NDArray[np.int64]  # (L,) places of those that go on
    tokens: TokenArray  # (L, n)
    nats: NDArray[np.float64]  # (L, n)
    kept: NDArray[np.int64]  # (L,) tokens up to the stop text
    offset: int  # characters that each has before


class Sampler(NamedTuple):
    """A network, and all that its samples depend on."""

    parameters: Parameters
    starts: Sequence[Start]  # of each priming text of the grid
    grid: Grid
    options: SamplingOptions
    stop: TokenArray  # (m,) empty for none
    dtype: np.dtype[np.unsignedinteger]  # of tokens

    def batches(self, samples: range) -> list[range]:
        """The samples of `samples` that are drawn together."""
        step = samples_at_once(self.grid.length)
        return [
            range(start, min(start + step, samples.stop))
            for start in range(samples.start, samples.stop, step)
        ]

    def draw(self, samples: range) -> Texts:
        """Consecutive samples of the grid; each depends on its seed, priming and number alone."""
        rows, slices = self.grid.rows(samples), list[_Slice]()
        live, offset = np.arange(len(samples)), 0
        hidden = np.stack([start.hidden for start in self.starts])[rows.priming]
        tokens = np.array([start.token for start in self.starts])[rows.priming]
        temperatures = np.array(self.grid.temperatures)[rows.temperature]
        generators, of_sample = self._generators(rows)
        tail = np.zeros((len(live), 0), self.dtype)
        stopped = np.zeros(len(live), bool)
        while len(live) and offset < self.grid.length:
            n = min(self._slice(len(live)), self.grid.length - offset)
            drawn = draw(
                self.parameters,
                hidden,
                tokens,
                _uniforms(generators, of_sample[live], n),
                temperature=temperatures[live],
                top_k=self.options.top_k,
                top_p=self.options.top_p,
            )
            new = drawn.tokens.astype(self.dtype)
            kept, tail = _cut(tail, new, self.stop)
            slices.append(_Slice(live, new, drawn.nats, np.where(kept < 0, n, kept), offset))
            going, offset = kept < 0, offset + n
            stopped[live[~going]] = True
            live, tail = live[going], tail[going]
            hidden, tokens = drawn.hidden[going], drawn.tokens[going, -1]
        return _joined(slices, stopped)

    def _slice(self, samples: int) -> int:
        """Characters of each that are drawn by one call."""
        most = max(1, tokens_of_slice // samples)
        return min(most, stopping_slice) if len(self.stop) else most

    def _generators(self, rows: Rows) -> tuple[list[np.random.Generator], NDArray[np.int64]]:
        """The generators of some samples, and which of them each has: temperatures share one."""
        places = np.stack([rows.priming, rows.seed, rows.number], axis=1)
        different, of_sample = np.unique(places, axis=0, return_inverse=True)
        return [self.grid.generator(*place) for place in different.tolist()], of_sample.ravel()


def samples_at_once(length: int) -> int:
    """How many samples of at most so many characters are drawn together."""
    return min(most_at_once, max(least_at_once, tokens_at_once // length))


def _uniforms(
    generators: Sequence[np.random.Generator], of_sample: NDArray[np.int64], length: int
) -> NDArray[np.float64]:
    """The next random numbers of each sample, (S, length)."""
    needed, places = np.unique(of_sample, return_inverse=True)
    numbers = np.empty((len(needed), length))
    for row, generator in zip(numbers, needed.tolist(), strict=True):
        generators[generator].random(out=row)
    return numbers[places]


def _cut(
    tail: TokenArray, new: TokenArray, stop: TokenArray
) -> tuple[NDArray[np.int64], TokenArray]:
    """How many of the `new` (L, n) tokens each text keeps, -1 for all, and its new tail.

    A text ends after the stop text, which may begin in `tail`, the last tokens before.
    """
    m = len(stop)
    if not m:
        return np.full(len(new), -1), tail
    both = np.concatenate([tail, new], axis=1)  # (L, t + n)
    windows = max(0, both.shape[1] - m + 1)
    found = np.ones((len(new), windows), bool)
    for place, token in enumerate(stop.tolist()):
        found &= both[:, place : place + windows] == token
    kept = np.full(len(new), -1)
    if windows:
        hits = found.any(axis=1)
        kept[hits] = found[hits].argmax(axis=1) + m - tail.shape[1]
    return kept, both[:, max(0, both.shape[1] - m + 1) :]


def _joined(slices: Sequence[_Slice], stopped: NDArray[np.bool_]) -> Texts:
    """The texts, one after the other."""
    lengths = np.zeros(len(stopped), np.int64)
    for part in slices:
        lengths[part.samples] += part.kept
    ends = lengths.cumsum()
    tokens = np.empty(int(lengths.sum()), slices[0].tokens.dtype)
    nats = np.empty(len(tokens))
    for part in slices:
        steps = np.arange(part.tokens.shape[1])
        is_kept = steps < part.kept[:, None]
        firsts = (ends - lengths)[part.samples] + part.offset
        places = (firsts[:, None] + steps)[is_kept]
        tokens[places], nats[places] = part.tokens[is_kept], part.nats[is_kept]
    return Texts(tokens, ends, nats, stopped)
