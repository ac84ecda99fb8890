"""Reductions of vectors to one number, always in the same order of lanes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from rnncore.kernels.simd.compiling import Codegen, inlined, intrinsic
from rnncore.kernels.simd.vector import emit_shuffle, vector_codegen


@intrinsic
def sum_lanes(_: Any, x: Any) -> Codegen:
    """Sum of the lanes."""

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        return emit_reduction(builder, value, builder.fadd)

    return x.element(x), vector_codegen(x, emit)


@intrinsic
def max_lanes(_: Any, x: Any) -> Codegen:
    """Maximum of the lanes."""

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        return emit_reduction(builder, value, larger)

    return x.element(x), vector_codegen(x, emit)


@inlined
def min_lanes(x: Any) -> Any:
    """Minimum of the lanes."""
    return -max_lanes(0.0 - x)


def emit_reduction(builder: ir.IRBuilder, value: Any, combine: Callable[[Any, Any], Any]) -> Any:
    """Combine the two halves of a vector, again and again, until one lane is left."""
    count = value.type.count
    while count > 1:
        count //= 2
        low = emit_shuffle(builder, value, value, [*range(count)])
        high = emit_shuffle(builder, value, value, [*range(count, 2 * count)])
        value = combine(low, high)
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


def emit_sums_of_each(builder: ir.IRBuilder, parts: list[Any]) -> Any:
    """The vector whose lane n is the sum of the lanes of parts[n]; one part for each lane."""
    lanes = len(parts)
    distance = lanes // 2
    while distance:
        # lane n of a result takes its two terms from the second vector if n has the bit `distance`
        upper = [n + lanes - distance if n & distance else n for n in range(lanes)]
        lower = [n + distance for n in upper]
        pairs = zip(parts[:distance], parts[distance:], strict=True)
        parts = [
            builder.fadd(emit_shuffle(builder, *pair, upper), emit_shuffle(builder, *pair, lower))
            for pair in pairs
        ]
        distance //= 2
    return parts[0]
