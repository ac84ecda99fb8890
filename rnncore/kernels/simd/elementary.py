"""Elementary functions of vectors: tanh, exp, 1 / sqrt, fused multiply-add, clamp, select."""

from __future__ import annotations

import math
from typing import Any

from llvmlite import ir
from numba import types

from rnncore.kernels.simd.compiling import Codegen, inlined, intrinsic
from rnncore.kernels.simd.processor import has_avx512
from rnncore.kernels.simd.vector import Vector, emit_call, emit_fma, vector_codegen


@inlined
def tanh(x: Any) -> Any:
    """Hyperbolic tangent, within 2.5 ulp; NaN stays NaN."""
    scale, expm1 = split_exp(clamp(x + x, -40.0, 40.0))  # outside, tanh rounds to -1 or 1
    difference = fma(scale, expm1, scale - 1.0)  # exp(2x) - 1, without cancellation near 0
    return difference / (difference + 2.0)


@inlined
def exp(x: Any) -> Any:
    """The exponential function for x <= 0, within 1.1 ulp; x below -85 counts as -85.

    So the result is never subnormal, which would be slow.
    """
    scale, expm1 = split_exp(clamp(x, -85.0, 0.0))
    return fma(scale, expm1, scale)


@intrinsic
def split_exp(_: Any, x: Any) -> Codegen:
    """exp(x) as (2**k, expm1(r)): x = k ln 2 + r, with k an integer and r within ±ln 2 / 2."""
    mantissa, bias, terms = (23, 127, 7) if x.is_single else (52, 1023, 13)
    shift = x.constant(1.5 * 2.0**mantissa)  # a float of this size has no bits after the point
    ln2, ln2_low = (
        (0.693147182464599609375, -1.904654299957768e-09)  # two floats whose sum is ln 2
        if x.is_single
        else (math.log(2), 2.3190468138462996e-17)
    )
    integers = integers_of(x)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        shifted = emit_fma(builder, x, values[0], x.constant(1 / math.log(2)), shift)
        k = builder.fsub(shifted, shift)
        r = emit_fma(builder, x, k, x.constant(-ln2), values[0])
        r = emit_fma(builder, x, k, x.constant(-ln2_low), r)
        expm1 = emit_expm1(builder, x, r, terms)
        exponent = builder.add(
            builder.bitcast(shifted, integers), ir.Constant(integers, [bias] * x.lanes)
        )  # the last bits of `shifted` are k
        scale = builder.shl(exponent, ir.Constant(integers, [mantissa] * x.lanes))
        pair = builder.bitcast(scale, x.llvm), expm1
        return context.make_tuple(builder, sig.return_type, pair)

    return types.UniTuple(x, 2)(x), codegen


def emit_expm1(builder: ir.IRBuilder, vector: Vector, r: Any, terms: int) -> Any:
    """exp(r) - 1 by the Taylor series up to r**terms; the next term is below 0.2 ulp."""
    series = vector.constant(1 / math.factorial(terms))
    for n in range(terms - 1, 1, -1):
        series = emit_fma(builder, vector, series, r, vector.constant(1 / math.factorial(n)))
    return emit_fma(builder, vector, builder.fmul(r, r), series, r)


def integers_of(vector: Vector) -> ir.VectorType:
    """LLVM's vector of integers with as many bits and lanes."""
    return ir.VectorType(ir.IntType(vector.bits), vector.lanes)


@intrinsic
def inverse_sqrt(_: Any, x: Any) -> Codegen:
    """1 / sqrt(x) of a normal x > 0, within 2 ulp.

    Square root and division are slow, so an estimate y is refined with the series of
    1 / sqrt(1 - r), where r = 1 - x y². AVX-512 has an instruction that estimates 14 bits: one
    refinement is enough. Elsewhere the estimate has 4 bits and needs two.
    """
    terms = (1 / 2,) if x.is_single else (1 / 2, 3 / 8, 5 / 16)

    def emit(builder: ir.IRBuilder, value: Any) -> Any:
        if has_avx512:
            y = emit_estimate_avx512(builder, x, value)
        else:
            y = emit_estimate_by_exponent(builder, x, value)
            y = emit_refinement(builder, x, value, y, (1 / 2, 3 / 8, 5 / 16))
        return emit_refinement(builder, x, value, y, terms)

    return x(x), vector_codegen(x, emit)


def emit_estimate_avx512(builder: ir.IRBuilder, vector: Vector, x: Any) -> Any:
    """1 / sqrt(x) to 14 bits."""
    kind = "ps" if vector.is_single else "pd"
    name = f"llvm.x86.avx512.rsqrt14.{kind}.{vector.lanes * vector.bits}"
    every_lane = ir.Constant(ir.IntType(max(8, vector.lanes)), 2**vector.lanes - 1)
    return emit_call(builder, name, vector, x, vector.constant(0.0), every_lane)


def emit_estimate_by_exponent(builder: ir.IRBuilder, vector: Vector, x: Any) -> Any:
    """1 / sqrt(x) within 4 %: the bits of x, halved, subtracted from the known magic constant."""
    integers = integers_of(vector)
    magic = 0x5F375A86 if vector.is_single else 0x5FE6EB50C7B537A9
    half = builder.lshr(builder.bitcast(x, integers), ir.Constant(integers, [1] * vector.lanes))
    bits = builder.sub(ir.Constant(integers, [magic] * vector.lanes), half)
    return builder.bitcast(bits, vector.llvm)


def emit_refinement(
    builder: ir.IRBuilder, vector: Vector, x: Any, y: Any, terms: tuple[float, ...]
) -> Any:
    """A better estimate than `y` of 1 / sqrt(x): y + y r (terms[0] + terms[1] r + …)."""
    xy = builder.fneg(builder.fmul(x, y))
    r = emit_fma(builder, vector, xy, y, vector.constant(1.0))
    series = vector.constant(terms[-1])
    for term in reversed(terms[:-1]):
        series = emit_fma(builder, vector, series, r, vector.constant(term))
    return emit_fma(builder, vector, builder.fmul(r, series), y, y)


@intrinsic
def fma(_: Any, a: Any, b: Any, c: Any) -> Codegen:
    """A fused multiply-add: a × b + c, rounded once."""

    def emit(builder: ir.IRBuilder, *values: Any) -> Any:
        return emit_fma(builder, a, *values)

    return a(a, b, c), vector_codegen(a, emit)


@intrinsic
def clamp(_: Any, x: Any, low: Any, high: Any) -> Codegen:
    """`x` limited to [low, high]; NaN stays NaN."""

    def emit(builder: ir.IRBuilder, x: Any, low: Any, high: Any) -> Any:
        x = builder.select(builder.fcmp_ordered("<", x, low), low, x)
        return builder.select(builder.fcmp_ordered(">", x, high), high, x)

    return x(x, low, high), vector_codegen(x, emit)


@intrinsic
def if_less(_: Any, a: Any, b: Any, then: Any, otherwise: Any) -> Codegen:
    """`then` in the lanes where a < b, else `otherwise`, also where one of them is NaN."""
    vector = next(kind for kind in (a, b, then, otherwise) if isinstance(kind, Vector))

    def emit(builder: ir.IRBuilder, a: Any, b: Any, then: Any, otherwise: Any) -> Any:
        return builder.select(builder.fcmp_ordered("<", a, b), then, otherwise)

    return vector(a, b, then, otherwise), vector_codegen(vector, emit)
