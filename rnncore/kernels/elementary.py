"""Elementary functions of vectors: tanh, exp, 1 / sqrt, bounds, and folding lanes to one number."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types

from rnncore.kernels.compiling import Codegen, has_avx512, inlined, intrinsic
from rnncore.kernels.vector import Vector, call, multiply_add, on_vectors, pick


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
    whole = ir.VectorType(ir.IntType(x.bits), x.lanes)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        shifted = multiply_add(builder, x, values[0], x.constant(1 / math.log(2)), shift)
        k = builder.fsub(shifted, shift)
        rest = multiply_add(builder, x, k, x.constant(-ln2), values[0])
        rest = multiply_add(builder, x, k, x.constant(-ln2_rest), rest)
        series = x.constant(1 / math.factorial(terms))  # Taylor's; the next term is < 0.2 ulp
        for n in range(terms - 1, 1, -1):
            series = multiply_add(builder, x, series, rest, x.constant(1 / math.factorial(n)))
        part = multiply_add(builder, x, builder.fmul(rest, rest), series, rest)
        exponent = builder.add(
            builder.bitcast(shifted, whole), ir.Constant(whole, [bias] * x.lanes)
        )
        scale = builder.shl(exponent, ir.Constant(whole, [mantissa] * x.lanes))
        pair = builder.bitcast(scale, x.llvm), part
        return context.make_tuple(builder, sig.return_type, pair)

    return types.UniTuple(x, 2)(x), codegen


@intrinsic
def inverse_sqrt(_: Any, x: Any) -> Codegen:
    """1 / sqrt(x) of a normal x > 0, within 2 ulp, without square root and division, which are slow.

    An estimate y is made exact by the series of sqrt(1 / (1 - r)) with r = 1 - x y²: in one step
    from the 14 bits that AVX-512 has an instruction for, in two from the 4 bits that halving the
    exponent gives on every processor.
    """
    terms = (1 / 2,) if x.is_single else (1 / 2, 3 / 8, 5 / 16)

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        if has_avx512:
            y = estimate_of_avx512(builder, x, value)
        else:
            y = estimate_of_exponent(builder, x, value)
            y = improve(builder, x, value, y, (1 / 2, 3 / 8, 5 / 16))
        return improve(builder, x, value, y, terms)

    return x(x), on_vectors(x, emit)


def estimate_of_avx512(builder: ir.IRBuilder, vector: Vector, x: Any) -> Any:
    """1 / sqrt(x) to 14 bits."""
    kind = "ps" if vector.is_single else "pd"
    name = f"llvm.x86.avx512.rsqrt14.{kind}.{vector.lanes * vector.bits}"
    every_lane = ir.Constant(ir.IntType(8), 2**vector.lanes - 1)
    return call(builder, name, vector, x, vector.constant(0.0), every_lane)


def estimate_of_exponent(builder: ir.IRBuilder, vector: Vector, x: Any) -> Any:
    """1 / sqrt(x) within 4 %: half the exponent, taken from a constant that evens the error out."""
    whole = ir.VectorType(ir.IntType(vector.bits), vector.lanes)
    middle = 0x5F375A86 if vector.is_single else 0x5FE6EB50C7B537A9
    half = builder.lshr(builder.bitcast(x, whole), ir.Constant(whole, [1] * vector.lanes))
    rest = builder.sub(ir.Constant(whole, [middle] * vector.lanes), half)
    return builder.bitcast(rest, vector.llvm)


def improve(builder: ir.IRBuilder, vector: Vector, x: Any, y: Any, terms: tuple[float, ...]) -> Any:
    """A better estimate than `y` of 1 / sqrt(x): y + y r (terms[0] + terms[1] r + …)."""
    xy = builder.fneg(builder.fmul(x, y))
    r = multiply_add(builder, vector, xy, y, vector.constant(1.0))
    series = vector.constant(terms[-1])
    for term in reversed(terms[:-1]):
        series = multiply_add(builder, vector, series, r, vector.constant(term))
    return multiply_add(builder, vector, builder.fmul(r, series), y, y)


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
    count = value.type.count
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
