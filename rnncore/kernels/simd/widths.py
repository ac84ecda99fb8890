"""How many floats a vector has: by what a processor does well, rather than by what it can do."""

from __future__ import annotations

import time
from functools import cache

import numpy as np

from rnncore.kernels.simd.arrays import VectorArray, aligned
from rnncore.kernels.simd.compiling import kernel
from rnncore.kernels.simd.elementary import fma
from rnncore.kernels.simd.processor import register_bits, smallest_bits, target_processor
from rnncore.kernels.simd.vector import lanes, load, store

# Processors with AVX-512, by LLVM's names, that were measured: whole registers are faster there,
# also on Zen 4, which computes them in two halves.
measured = {"znver4", "znver5", "sapphirerapids"}


def most_lanes(bits: int) -> int:
    """Floats of `bits` bits that fill a vector register."""
    return register_bits // bits


def least_lanes(bits: int) -> int:
    """Floats of `bits` bits in the smallest vector that kernels can be compiled for."""
    return smallest_bits // bits


def first_lanes(bits: int) -> int:
    """The number that version 0.1.0 used: it decides the bytes of runs whose records name none."""
    return min(8, most_lanes(bits))


def known_lanes(bits: int) -> int:
    """Lanes for this processor by the table; where it is not in it, as in version 0.1.0."""
    return most_lanes(bits) if target_processor() in measured else first_lanes(bits)


def fastest_lanes(bits: int) -> int:
    """Lanes for this processor by the table; where it is not in it, by a measurement."""
    known = known_lanes(bits)
    return most_lanes(bits) if known < most_lanes(bits) and has_full_width() else known


@cache
def has_full_width() -> bool:
    """Whether multiply-adds of whole registers take hardly longer than those of half registers."""
    dtype, most = np.dtype(np.float32), most_lanes(32)
    arrays = [aligned(dtype, lanes, 5 * lanes) for lanes in (most, most // 2)]
    times = [[seconds_of_multiply_adds(array) for array in arrays] for _ in range(20)]
    whole, half = map(min, zip(*times, strict=True))  # the first of each compiles
    return bool(whole < 2.2 * half)  # as many floats in the time, in fewer instructions


def seconds_of_multiply_adds(array: VectorArray) -> float:
    """Time of 50,000 multiply-adds of vectors: some ten microseconds."""
    started = time.perf_counter()
    multiply_adds(array, 5_000)
    return time.perf_counter() - started


@kernel
def multiply_adds(array: VectorArray, rounds: int) -> None:
    """Ten independent chains: as many as two units with a latency of five cycles can work on."""
    n = lanes(array)
    x, y = load(array, 0), load(array, n)  # all zero: only the time matters
    a, b, c, d, e = x, y, load(array, 2 * n), load(array, 3 * n), load(array, 4 * n)
    f, g, h, i, j = x + a, x + b, x + c, x + d, x + e
    for _ in range(rounds):
        a, b, c, d, e = fma(a, x, y), fma(b, x, y), fma(c, x, y), fma(d, x, y), fma(e, x, y)
        f, g, h, i, j = fma(f, x, y), fma(g, x, y), fma(h, x, y), fma(i, x, y), fma(j, x, y)
    store(array, 0, a + b + c + d + e + f + g + h + i + j)
