"""Copy and clear parts of arrays, in whole vectors."""

from __future__ import annotations

from rnncore.kernels.simd.compiling import inlined
from rnncore.kernels.simd.vector import FloatArray, broadcast, lanes, load, store


@inlined
def copy(source: FloatArray, start: int, target: FloatArray, target_start: int, count: int) -> None:
    """Copy `count` elements, a whole number of vectors."""
    for n in range(0, count, lanes(source)):
        store(target, target_start + n, load(source, start + n))


@inlined
def clear(array: FloatArray, start: int, end: int) -> None:
    """Set elements `start` to `end` to zero, a whole number of vectors."""
    for n in range(start, end, lanes(array)):
        store(array, n, broadcast(array, 0.0))
