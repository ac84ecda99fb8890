"""Elementary functions of vectors: tanh, exp, 1 / sqrt, bounds, and folding lanes to one number."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types

from rnncore.kernels.compiling import Codegen, has_avx512, inlined, intrinsic
from rnncore.kernels.vector import Vector, call, lanes, multiply_add, on_vectors, pick


@inlined
def tanh(x: Any) -> Any:
    """Hyperbolic tangent; errors as measured by tests/rnncore/test_kernels.py. NaN stays NaN."""
    scale, part = exponential_parts(clamp(x + x, -40.0, 40.0))  # beyond, tanh rounds to ±1
    less_one = fma(scale, part, scale - 1.0)  # exp(2x) - 1, without cancellation near 0
    return less_one / (less_one + 2.0)


@inlined
def exp(x: Any) -> Any:
    """Exponential of x <= 0; where it falls below 1e-37 it stays there, short of subnormals."""
    scale, part = exponential_parts(clamp(x, -85.0, 0.0))
    return fma(scale, part, scale)


@intrinsic
def exponential_parts(_: Any, x: Any) -> Codegen:
    """(2**k, expm1(x - k ln 2)) with the whole number k that brings the rest within ±ln 2 / 2."""
    mantissa, bias, terms = (23, 127, 7) if x.is_single else (52, 1023, 13)
    shift = x.constant(1.5 * 2.0**mantissa)  # so large a float keeps k, rounded, in its last bits
    ln2, ln2_rest = (
        (0.693147182464599609375, -1.904654299957768e-09)  # two floats that add up to ln 2
        if x.is_single
        else (math.log(2), 2.3190468138462996e-17)
    )
    whole = ir.VectorType(ir.IntType(x.bits), lanes)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        shifted = multiply_add(builder, x, values[0], x.constant(1 / math.log(2)), shift)
        k = builder.fsub(shifted, shift)
        rest = multiply_add(builder, x, k, x.constant(-ln2), values[0])
        rest = multiply_add(builder, x, k, x.constant(-ln2_rest), rest)
        series = x.constant(1 / math.factorial(terms))  # Taylor's; the next term is < 0.2 ulp
        for n in range(terms - 1, 1, -1):
            series = multiply_add(builder, x, series, rest, x.constant(1 / math.factorial(n)))
        part = multiply_add(builder, x, builder.fmul(rest, rest), series, rest)
        exponent = builder.add(builder.bitcast(shifted, whole), ir.Constant(whole, [bias] * lanes))
        scale = builder.shl(exponent, ir.Constant(whole, [mantissa] * lanes))
        pair = builder.bitcast(scale, x.llvm), part
        return context.make_tuple(builder, sig.return_type, pair)

    return types.UniTuple(x, 2)(x), codegen


@intrinsic
def inverse_sqrt(_: Any, x: Any) -> Codegen:
    """1 / sqrt(x) of a normal x > 0.

    With AVX-512 the processor's estimate, made exact to 2 ulp by a step of Newton's in float32 and
    two in float64: a third of the time that a square root and a division take.
    """

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        if not has_avx512:
            root = call(builder, f"llvm.sqrt.v{lanes}f{x.bits}", x, value)
            return builder.fdiv(x.constant(1.0), root)
        kind, every_lane = (
            "ps" if x.is_single else "pd",
            ir.Constant(ir.IntType(8), 2**lanes - 1),
        )
        name = f"llvm.x86.avx512.rsqrt14.{kind}.{lanes * x.bits}"
        y = call(builder, name, x, value, x.constant(0.0), every_lane)
        xy = builder.fneg(builder.fmul(value, y))
        rest = multiply_add(builder, x, xy, y, x.constant(1.0))  # 1 - x y², then y sqrt(x)'s series
        series = x.constant(0.5)
        if not x.is_single:
            series = multiply_add(builder, x, rest, x.constant(5 / 16), x.constant(3 / 8))
            series = multiply_add(builder, x, series, rest, x.constant(0.5))
        return multiply_add(builder, x, builder.fmul(rest, series), y, y)

    return x(x), on_vectors(x, emit)


@intrinsic
def fma(_: Any, a: Any, b: Any, c: Any) -> Codegen:
    """A × b + c, rounded once."""

    def emit(builder: ir.IRBuilder, *values: Any) -> Any:
        return multiply_add(builder, a, *values)

    return a(a, b, c), on_vectors(a, emit)


@intrinsic
def clamp(_: Any, x: Any, low: Any, high: Any) -> Codegen:
    """`x`, but at least `low` and at most `high`; NaN stays NaN."""

    def emit(builder: ir.IRBuilder, x: Any, low: Any, high: Any) -> Any:
        x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
        return builder.select(builder.fcmp_ordered(">", x, high), high, x)

    return x(x, low, high), on_vectors(x, emit)


@intrinsic
def splat(_: Any, array: Any, number: Any) -> Codegen:
    """`number` in every lane of a vector as `array` holds them."""
    vector = Vector(array.dtype)

    def codegen(context: Any, builder: ir.IRBuilder, _: Any, values: Any) -> Any:
        return on_vectors(vector, lambda _, spread: spread)(
            context, builder, vector(number), values[1:]
        )

    return vector(array, number), codegen


def fold(builder: ir.IRBuilder, value: Any, combine: Any) -> Any:
    """Combine the halves of a vector until one lane is left."""
    count = lanes
    while count > 1:
        count //= 2
        low = pick(builder, value, value, [*range(count)])
        high = pick(builder, value, value, [*range(count, 2 * count)])
        value = combine(low, high)
    return builder.extract_element(value, ir.Constant(ir.IntType(32), 0))


@intrinsic
def total(_: Any, x: Any) -> Codegen:
    """Sum of the lanes."""

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        return fold(builder, value, builder.fadd)

    return x.element(x), on_vectors(x, emit)


@intrinsic
def largest(_: Any, x: Any) -> Codegen:
    """Largest of the lanes."""

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        def larger(a: Any, b: Any) -> Any:
            return builder.select(builder.fcmp_ordered(">", a, b), a, b)

        return fold(builder, value, larger)

    return x.element(x), on_vectors(x, emit)
