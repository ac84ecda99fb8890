"""In which order a training run adds: it decides the last bits of its results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rnncore import kernels
from rnncore.parameters import Hyperparameters

least_batch = 8  # streams from which transposed copies of the weights pay: the height of a tile


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """The order of additions: a run that keeps it has the same bytes wherever it is interrupted.

    `lanes` is the number of floats in a vector: a sum has as many partial sums. With `transposed`,
    hidden states are multiplied by transposed copies of the weights, which adds in another order.
    """

    lanes: int
    transposed: bool

    @classmethod
    def fastest(cls, options: Hyperparameters) -> Arithmetic:
        """For a new run on this processor."""
        lanes = kernels.fastest_lanes(bits_of(options))
        return cls(lanes, transposed=options.batch_size >= least_batch)

    @classmethod
    def of_first_version(cls, options: Hyperparameters) -> Arithmetic:
        """What version 0.1.0 used on this processor."""
        return cls(kernels.first_lanes(bits_of(options)), transposed=False)

    def fits(self, options: Hyperparameters) -> bool:
        """Whether such a vector is a register of this processor: LLVM ends the process if not."""
        bits = bits_of(options)
        is_between = kernels.least_lanes(bits) <= self.lanes <= kernels.most_lanes(bits)
        return is_between and self.lanes & (self.lanes - 1) == 0


def bits_of(options: Hyperparameters) -> int:
    """Bits of a float of the run."""
    return np.dtype(options.dtype).itemsize * 8
