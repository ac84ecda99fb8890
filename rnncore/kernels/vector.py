# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; `values` hold them
"""A register's worth of floats as a value in numba, with the operators that kernels need.

LLVM turns a loop over scalars into vector code when it sees fit, and then sums in an order of its
own. Kernels written in vectors are fast with every compiler version, and fix the order themselves.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import lower_builtin, models, register_model

from rnncore.kernels.compiling import Codegen, intrinsic, register_bits

most_lanes = 8  # so that float32 takes half a register of AVX-512: the faster on Zen 4


def lanes_for(bits: int) -> int:
    """Floats in a vector, of so many bits each."""
    return min(most_lanes, register_bits // bits)


class Vector(types.Type):
    """As many floats as `lanes_for` says."""

    def __init__(self, element: types.Float) -> None:
        self.element = element
        self.bits = element.bitwidth
        self.is_single = element is types.float32
        self.lanes = lanes_for(self.bits)
        super().__init__(name=f"Vector({self.lanes} x {element})")

    @property
    def llvm(self) -> ir.VectorType:
        """What the vector is to LLVM."""
        return ir.VectorType(ir.FloatType() if self.is_single else ir.DoubleType(), self.lanes)

    def constant(self, number: float) -> ir.Constant:
        """The same number in every lane."""
        return ir.Constant(self.llvm, [number] * self.lanes)


@register_model(Vector)
class VectorModel(models.PrimitiveModel):
    """A vector is kept as it is: in a register."""

    def __init__(self, manager: Any, vector: Vector) -> None:
        super().__init__(manager, vector, vector.llvm)  # type: ignore[no-untyped-call]  # numba's


def address(context: Any, builder: ir.IRBuilder, kind: types.Array, array: Any, index: Any) -> Any:
    """Where element `index` of a contiguous array is, counted flat."""
    data = context.make_array(kind)(context, builder, array).data
    return builder.gep(data, [index], source_etype=context.get_data_type(kind.dtype))


def read_vector(builder: ir.IRBuilder, pointer: Any, vector: Vector) -> Any:
    """Load a vector from an address that need not be a multiple of its size."""
    pointer = builder.bitcast(pointer, vector.llvm.as_pointer())
    return builder.load(pointer, align=vector.bits // 8)


def write_vector(builder: ir.IRBuilder, value: Any, pointer: Any, vector: Vector) -> None:
    """Store a vector to an address that need not be a multiple of its size."""
    pointer = builder.bitcast(pointer, vector.llvm.as_pointer())
    builder.store(value, pointer, align=vector.bits // 8)


def spread(builder: ir.IRBuilder, scalar: Any, vector: Vector) -> Any:
    """A scalar in every lane."""
    single = builder.insert_element(
        ir.Constant(vector.llvm, ir.Undefined), scalar, ir.Constant(ir.IntType(32), 0)
    )
    return pick(builder, single, single, [0] * vector.lanes)


def pick(builder: ir.IRBuilder, low: Any, high: Any, chosen: list[int]) -> Any:
    """The vector of the named lanes of two vectors, `high` counted on from `low`."""
    kind = ir.VectorType(ir.IntType(32), len(chosen))
    return builder.shuffle_vector(low, high, ir.Constant(kind, chosen))


def call(builder: ir.IRBuilder, name: str, vector: Vector, *arguments: Any) -> Any:
    """Call a function of LLVM's that returns a vector."""
    kind = ir.FunctionType(vector.llvm, [argument.type for argument in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


def multiply_add(builder: ir.IRBuilder, vector: Vector, a: Any, b: Any, c: Any) -> Any:
    """Code for a × b + c, rounded once."""
    return call(builder, f"llvm.fma.v{vector.lanes}f{vector.bits}", vector, a, b, c)


def on_vectors(vector: Vector, emit: Callable[..., Any]) -> Callable[..., Any]:
    """Code generator that hands vectors to `emit`; scalars among the arguments are spread."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        vectors = (
            value
            if isinstance(kind, Vector)
            else spread(builder, context.cast(builder, value, kind, vector.element), vector)
            for value, kind in zip(values, sig.args, strict=True)
        )
        return emit(builder, *vectors)

    return codegen


def register_operator(operation: Callable[..., Any], method: str) -> None:
    """Teach numba an operator between vectors, or between a vector and a number."""

    @infer_global(operation)
    class Operator(AbstractTemplate):
        def generic(self, kinds: Any, _: Any) -> Any:
            vectors = [kind for kind in kinds if isinstance(kind, Vector)]
            return signature(vectors[0], *kinds) if vectors else None

    def emit(builder: ir.IRBuilder, a: Any, b: Any) -> Any:
        return getattr(builder, method)(a, b)

    def lower(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        return on_vectors(sig.return_type, emit)(context, builder, sig, values)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(operation, *kinds)(lower)


register_operator(operator.add, "fadd")
register_operator(operator.sub, "fsub")
register_operator(operator.mul, "fmul")
register_operator(operator.truediv, "fdiv")


@intrinsic
def lanes(_: Any, array: Any) -> Codegen:
    """How many elements of `array` a vector holds, as a constant of the machine code."""
    count = Vector(array.dtype).lanes

    def codegen(context: Any, _: Any, sig: Any, __: Any) -> Any:
        return context.get_constant(sig.return_type, count)

    return types.intp(array), codegen


@intrinsic
def load(_: Any, array: Any, index: Any) -> Codegen:
    """The vector that starts at element `index` of a contiguous array, counted flat."""
    vector = Vector(array.dtype)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        return read_vector(builder, address(context, builder, sig.args[0], *values), vector)

    return vector(array, types.intp), codegen


@intrinsic
def store(_: Any, array: Any, index: Any, value: Any) -> Codegen:
    """Put a vector where element `index` of a contiguous array is, counted flat."""

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        pointer = address(context, builder, sig.args[0], *values[:2])
        write_vector(builder, values[2], pointer, value)
        return context.get_dummy_value()

    return types.none(array, types.intp, value), codegen
