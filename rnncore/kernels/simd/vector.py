# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; the code reads `values`
"""A vector of floats as a type of numba, with load, store, broadcast and arithmetic operators.

LLVM may vectorise a loop over scalars or not, and it then chooses the order of a sum. Kernels that
are written with vectors do not depend on this choice, and they fix the order of every sum.

Functions whose names start with `emit_` run while numba compiles: they append LLVM instructions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model
from numpy.typing import NDArray

from rnncore.kernels.simd.compiling import Codegen, intrinsic

FloatArray = NDArray[np.floating]


class Vector(types.Type):
    """A vector of `lanes` floats of one type."""

    def __init__(self, element: types.Float, lanes: int) -> None:
        self.element = element
        self.bits = element.bitwidth
        self.is_single = element is types.float32
        self.lanes = lanes
        super().__init__(name=f"Vector({self.lanes} x {element})")

    @property
    def llvm(self) -> ir.VectorType:
        """LLVM's type for this vector."""
        return ir.VectorType(ir.FloatType() if self.is_single else ir.DoubleType(), self.lanes)

    def constant(self, number: float) -> ir.Constant:
        """The same number in every lane."""
        return ir.Constant(self.llvm, [number] * self.lanes)


def vector_of(array: Any) -> Vector:
    """The type of the vectors of an array, given its own type."""
    return Vector(array.dtype, array.lanes)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """numba passes a vector by value, so it stays in a register."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)  # type: ignore[no-untyped-call]  # numba's


def emit_pointer(
    context: Any, builder: ir.IRBuilder, kind: types.Array, array: Any, index: Any
) -> Any:
    """Pointer to element `index` of a contiguous array; the index counts all dimensions as one."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index], source_etype=context.get_data_type(kind.dtype))


def emit_load(builder: ir.IRBuilder, pointer: Any, vector: Vector) -> Any:
    """Load a vector; the pointer needs no more alignment than one element."""
    pointer = builder.bitcast(pointer, vector.llvm.as_pointer())
    return builder.load(pointer, align=vector.bits // 8)


def emit_store(builder: ir.IRBuilder, value: Any, pointer: Any, vector: Vector) -> None:
    """Store a vector; the pointer needs no more alignment than one element."""
    pointer = builder.bitcast(pointer, vector.llvm.as_pointer())
    builder.store(value, pointer, align=vector.bits // 8)


def emit_broadcast(builder: ir.IRBuilder, scalar: Any, vector: Vector) -> Any:
    """A scalar in every lane."""
    single = builder.insert_element(
        ir.Constant(vector.llvm, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
    )
    return emit_shuffle(builder, single, single, [0] * vector.lanes)


def emit_shuffle(builder: ir.IRBuilder, low: Any, high: Any, chosen: list[int]) -> Any:
    """The chosen lanes of two vectors; the numbers of `high` follow those of `low`."""
    kind = ir.VectorType(ir.IntType(32), len(chosen))
    return builder.shuffle_vector(low, high, ir.Constant(kind, chosen))


def emit_call(builder: ir.IRBuilder, name: str, vector: Vector, *arguments: Any) -> Any:
    """Call an LLVM intrinsic that returns a vector."""
    kind = ir.FunctionType(vector.llvm, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def emit_fma(builder: ir.IRBuilder, vector: Vector, a: Any, b: Any, c: Any) -> Any:
    """A fused multiply-add: a × b + c, rounded once."""
    return emit_call(builder, f"llvm.fma.v{vector.lanes}f{vector.bits}", vector, a, b, c)


def vector_codegen(vector: Vector, emit: Callable[..., Any]) -> Callable[..., Any]:
    """Code generator that passes vectors to `emit`; scalar arguments are broadcast first."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        vectors = (
            value
            if isinstance(kind, Vector)
            else emit_broadcast(builder, context.cast(builder, value, kind, vector.element), vector)
            for value, kind in zip(values, sig.args, strict=True)
        )
        return emit(builder, *vectors)

    return codegen


def register_operator(operation: Callable[..., Any], method: str) -> None:
    """Define an operator between two vectors, or between a vector and a number, for numba."""

    @infer_global(operation)
    class Operator(AbstractTemplate):
        def generic(self, kinds: Any, _: Any) -> Any:
            vectors = [kind for kind in kinds if isinstance(kind, Vector)]
            return signature(vectors[0], *kinds) if vectors else None

    def emit(builder: ir.IRBuilder, a: Any, b: Any) -> Any:
        return getattr(builder, method)(a, b)

    def lower(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        return vector_codegen(sig.return_type, emit)(context, builder, sig, values)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(operation, *kinds)(lower)


register_operator(operator.add, "fadd")
register_operator(operator.sub, "fsub")
register_operator(operator.mul, "fmul")
register_operator(operator.truediv, "fdiv")


@intrinsic
def lanes(_: Any, array: Any) -> Codegen:
    """Number of elements of `array` in a vector; a constant in the machine code."""
    count = array.lanes

    def codegen(context: Any, _: Any, sig: Any, __: Any) -> Any:
        return context.get_constant(sig.return_type, count)

    return types.intp(array), codegen


@intrinsic
def load(_: Any, array: Any, index: Any) -> Codegen:
    """The vector that starts at element `index` of a contiguous array; the index is flat."""
    vector = vector_of(array)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        return emit_load(builder, emit_pointer(context, builder, sig.args[0], *values), vector)

    return vector(array, types.intp), codegen


@intrinsic
def store(_: Any, array: Any, index: Any, value: Any) -> Codegen:
    """Store a vector at element `index` of a contiguous array; the index is flat."""
    vector = vector_of(array)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        pointer = emit_pointer(context, builder, sig.args[0], *values[:2])
        emit_store(builder, values[2], pointer, vector)
        return context.get_dummy_value()

    return types.none(array, types.intp, value), codegen


@intrinsic
def broadcast(_: Any, array: Any, number: Any) -> Codegen:
    """`number` in every lane of a vector of the type of `array`."""
    vector = vector_of(array)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        scalar = context.cast(builder, values[1], sig.args[1], vector.element)
        return emit_broadcast(builder, scalar, vector)

    return vector(array, number), codegen
