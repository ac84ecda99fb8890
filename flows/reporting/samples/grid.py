"""The grid of a report's samples: its rows in their order, their generators, the parts of its files."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.exceptions import LimitExceeded
from flows.parameters import SamplingOptions
from flows.text import Vocabulary

most_samples = 10_000_000
most_characters = 10_000_000_000
samples_of_part = 100_000
bytes_of_part = 250_000_000  # of texts, so that a part is built in memory and read back
row_bytes = 300  # of a row without its texts
widest_of_all = 4  # bytes of a character in UTF-8


class Rows(NamedTuple):
    """Consecutive samples of a grid: the places of their values in it, each (S,)."""

    priming: NDArray[np.int64]
    seed: NDArray[np.int64]
    number: NDArray[np.int64]
    temperature: NDArray[np.int64]


class Grid(NamedTuple):
    """The different values of each option, in the order in which they were given.

    Samples are ordered by priming text, seed, number and temperature.
    """

    primings: tuple[str, ...]
    seeds: tuple[int, ...]
    temperatures: tuple[float, ...]
    each: int
    length: int

    @classmethod
    def of(cls, options: SamplingOptions) -> Grid:
        """The grid of some options; `LimitExceeded` for one that is too large."""
        grid = cls(
            tuple(dict.fromkeys(options.primings)),
            tuple(dict.fromkeys(options.seeds)),
            tuple(dict.fromkeys(number + 0.0 for number in options.temperatures)),  # no -0.0
            options.samples_each,
            options.length,
        )
        if grid.samples > most_samples:
            raise LimitExceeded(
                f"the grid has {grid.samples:,} samples ({grid}), at most {most_samples:,} are"
                " drawn: make samples_each smaller, or give fewer values"
            )
        if grid.samples * grid.length > most_characters:
            raise LimitExceeded(
                f"the grid has {grid.samples:,} samples of {grid.length:,} characters ({grid}), at"
                f" most {most_characters:,} characters are drawn: make length or samples_each"
                " smaller, or give fewer values"
            )
        return grid

    def __str__(self) -> str:
        return (
            f"{len(self.primings):,} priming texts × {len(self.seeds):,} seeds ×"
            f" {len(self.temperatures):,} temperatures × {self.each:,} each"
        )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Priming texts, seeds, samples of each, temperatures."""
        return len(self.primings), len(self.seeds), self.each, len(self.temperatures)

    @property
    def samples(self) -> int:
        """All of them."""
        primings, seeds, each, temperatures = self.shape
        return primings * seeds * each * temperatures

    @property
    def longest_priming(self) -> int:
        """Bytes of the longest priming text."""
        return max(len(text.encode("utf-8", "surrogatepass")) for text in self.primings)

    def part_samples(self, widest: int) -> int:
        """Samples of each part but the last, where a character has at most `widest` bytes."""
        one = widest * self.length + self.longest_priming + row_bytes
        return min(self.samples, samples_of_part, max(1, bytes_of_part // one))

    def parts(self, widest: int) -> list[range]:
        """The samples of each part."""
        step = self.part_samples(widest)
        return [range(n, min(n + step, self.samples)) for n in range(0, self.samples, step)]

    def rows(self, samples: range) -> Rows:
        """Some consecutive samples."""
        found = np.unravel_index(np.arange(samples.start, samples.stop), self.shape)
        priming, seed, number, temperature = found
        return Rows(priming, seed, number, temperature)

    def generator(self, priming: int, seed: int, number: int) -> np.random.Generator:
        """The generator of a sample, which depends neither on its temperature nor on the grid."""
        return generator_of(self.seeds[seed], self.primings[priming], number)


def generator_of(seed: int, priming: str, number: int) -> np.random.Generator:
    """The generator of a sample: of its seed, its priming text and its number alone."""
    digest = hashlib.sha256(priming.encode()).digest()[:8]
    return np.random.default_rng([seed, int.from_bytes(digest, "big"), number])


def widest(vocabulary: Vocabulary) -> int:
    """The most bytes that a character of a sample has in UTF-8."""
    if vocabulary.unit == "byte":
        return 3  # of U+FFFD, for bytes that are no UTF-8
    return len(vocabulary.characters[-1].encode("utf-8", "surrogatepass"))
