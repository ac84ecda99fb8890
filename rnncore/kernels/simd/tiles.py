# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; the code reads `values`
"""One tile of a matrix product: a block of C whose sums stay in registers for all of k."""

from __future__ import annotations

from typing import Any, NamedTuple

from llvmlite import ir
from numba import types

from rnncore.kernels.simd.compiling import Codegen, intrinsic
from rnncore.kernels.simd.processor import has_avx512, registers
from rnncore.kernels.simd.vector import (
    Vector,
    emit_broadcast,
    emit_fma,
    emit_load,
    emit_pointer,
    emit_store,
    vector_of,
)

# The largest tile: rows, vectors in each row, and vectors of a tile that has one row only. For ARM
# LLVM loads all broadcast elements of A before the multiply-adds, and 8 × 3 sums leave too few
# registers for that.
highest = {16: 4, 32: 8 if has_avx512 else 7}[registers]
widest, widest_row = 3, 8


class Rows(NamedTuple):
    """Where a matrix is: a pointer to its first element, and the elements from row to row."""

    start: Any
    stride: Any


@intrinsic
def tile(
    _: Any, C: Any, c: Any, A: Any, a: Any, a_row: Any, a_k: Any, B: Any, b: Any,
    rows: Any, vectors: Any, columns: Any, depth: Any, accumulate: Any,
) -> Codegen:  # fmt: skip
    """One tile of `product`: a jump table leads to a loop for its height and width."""
    vector = vector_of(C)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        starts = [
            emit_pointer(context, builder, sig.args[n], *values[n : n + 2]) for n in (0, 2, 6)
        ]
        a_row, a_k = values[4:6]
        rows, vectors, columns, depth, accumulate = values[8:]
        C, A, B = map(Rows, starts, (columns, a_row, columns))
        done = builder.append_basic_block("done")
        jump = builder.switch(builder.add(builder.mul(rows, rows.type(16)), vectors), done)
        for height in range(1, highest + 1):
            for width in range(1, (widest_row if height == 1 else widest) + 1):
                block = builder.append_basic_block(f"tile_{height}x{width}")
                jump.add_case(rows.type(16 * height + width), block)
                builder.position_at_end(block)
                emit_tile(builder, vector, (height, width), C, A, a_k, B, depth, accumulate)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    i = types.intp
    return types.none(C, i, A, i, i, i, B, i, i, i, i, i, types.boolean), codegen


def emit_tile(
    builder: ir.IRBuilder, vector: Vector, shape: tuple[int, int], C: Rows, A: Rows, a_k: Any,
    B: Rows, depth: Any, accumulate: Any,
) -> None:  # fmt: skip
    """Code for one tile; its sums are phi nodes of the loop over k, which become registers."""
    integer, (height, width) = depth.type, shape
    before, read_C = builder.block, builder.append_basic_block("read_C")
    loop, write_C = builder.append_basic_block("over_k"), builder.append_basic_block("write_C")
    builder.cbranch(accumulate, read_C, loop)
    builder.position_at_end(read_C)
    present = [emit_load(builder, at, vector) for at in emit_places(builder, vector, shape, C)]
    builder.branch(loop)

    builder.position_at_end(loop)
    first, zeros = [integer(0), A.start, B.start], [vector.constant(0.0)] * (height * width)
    k, A_k, B_k, *sums = phis = [builder.phi(value.type) for value in [*first, *zeros]]
    sums = emit_multiply_adds(builder, vector, shape, Rows(A_k, A.stride), B_k, sums)
    k = builder.add(k, integer(1))
    A_k, B_k = (emit_step(builder, vector, *step) for step in ((A_k, a_k), (B_k, B.stride)))
    connect(phis, before, [*first, *zeros])
    connect(phis, read_C, [*first, *present])
    connect(phis, loop, [k, A_k, B_k, *sums])
    builder.cbranch(builder.icmp_signed("<", k, depth), loop, write_C)

    builder.position_at_end(write_C)
    for at, value in zip(emit_places(builder, vector, shape, C), sums, strict=True):
        emit_store(builder, value, at, vector)


def emit_multiply_adds(
    builder: ir.IRBuilder, vector: Vector, shape: tuple[int, int], A: Rows, B_k: Any,
    sums: list[Any],
) -> list[Any]:  # fmt: skip
    """One k: to each sum add an element of A, broadcast, times a vector of row k of B."""
    integer, (height, width) = A.stride.type, shape
    column = emit_row_starts(builder, vector, height, A)
    scalars = [builder.load(pointer, typ=vector.llvm.element) for pointer in column]
    xs = [emit_broadcast(builder, scalar, vector) for scalar in scalars]
    if height == 1:
        xs = [emit_in_register(builder, xs[0])]
    row = [emit_step(builder, vector, B_k, integer(n * vector.lanes)) for n in range(width)]
    ws = [emit_load(builder, pointer, vector) for pointer in row]
    pairs = [(x, w) for x in xs for w in ws]
    return [emit_fma(builder, vector, *pair, s) for pair, s in zip(pairs, sums, strict=True)]


def emit_in_register(builder: ir.IRBuilder, value: Any) -> Any:
    """The same vector, which LLVM then has to keep in a register.

    Otherwise LLVM loads the element of A again, with a broadcast, for each multiply-add. Higher
    tiles have time for these loads, and no register to spare; a single row waits for them.
    """
    if not has_avx512:
        return value
    kind = ir.FunctionType(value.type, [value.type])
    return builder.asm(kind, "", "=v,0", [value], side_effect=False)


def emit_places(
    builder: ir.IRBuilder, vector: Vector, shape: tuple[int, int], C: Rows
) -> list[Any]:
    """Pointers to the vectors of a tile of C, row by row."""
    integer, (height, width) = C.stride.type, shape
    rows = emit_row_starts(builder, vector, height, C)
    offsets = [integer(n * vector.lanes) for n in range(width)]
    return [emit_step(builder, vector, row, offset) for row in rows for offset in offsets]


def emit_row_starts(builder: ir.IRBuilder, vector: Vector, height: int, matrix: Rows) -> list[Any]:
    """Pointers to the first elements of `height` rows."""
    offsets = [builder.mul(matrix.stride, matrix.stride.type(row)) for row in range(height)]
    return [emit_step(builder, vector, matrix.start, offset) for offset in offsets]


def emit_step(builder: ir.IRBuilder, vector: Vector, pointer: Any, elements: Any) -> Any:
    """The pointer, moved on by a number of elements."""
    return builder.gep(pointer, [elements], source_etype=vector.llvm.element)


def connect(phis: list[Any], block: Any, values: list[Any]) -> None:
    """Give each phi node the value that it has when the loop is entered from `block`."""
    for phi, value in zip(phis, values, strict=True):
        phi.add_incoming(value, block)
