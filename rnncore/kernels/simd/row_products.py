# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; the code reads `values`
"""Matrix products C = A Wᵀ of rows with rows: for the forward pass, without a transposed copy of W.

Each element of C is summed in as many partial sums as a vector has lanes, and these are then added
in pairs: one order, whatever the size of the matrices. So a row has the same bits alone and among
others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnncore.kernels.simd.compiling import Codegen, compiled, inlined, intrinsic
from rnncore.kernels.simd.processor import registers
from rnncore.kernels.simd.reductions import emit_sums_of_each
from rnncore.kernels.simd.tiles import Rows, connect, emit_row_starts, emit_step
from rnncore.kernels.simd.vector import (
    FloatArray,
    Vector,
    emit_fma,
    emit_load,
    emit_pointer,
    emit_store,
    lanes,
    vector_of,
)

most_sums = 3 * registers // 4  # vectors of sums in a tile; the other registers hold A and W


@inlined
def row_product(C: FloatArray, c: int, A: FloatArray, a: int, W: FloatArray, rows: int) -> None:
    """C[m, n] = sum over k of A[m, k] W[n, k], for `rows` rows from elements `c` and `a` on.

    A row of C has an element for each row of W. Rows of A and W have the same width. All widths
    are whole numbers of vectors.
    """
    size = np.intp  # otherwise numba compiles anew for each constant among the arguments
    row_product_in_tiles(C, size(c), A, size(a), W, size(rows))


@compiled
def row_product_in_tiles(
    C: FloatArray, c: np.intp, A: FloatArray, a: np.intp, W: FloatArray, rows: np.intp
) -> None:
    """`row_product`, divided into tiles: a few rows of W stay in the cache for all rows of A."""
    columns, depth = W.shape
    if rows == 0:  # a thread may have no share
        return
    highest = max(1, most_sums // lanes(C))
    blocks = (rows + highest - 1) // highest
    height = (rows + blocks - 1) // blocks
    backwards = (c // columns) % 2 == 1
    for panel in range(0, columns, lanes(C)):
        # every second row of C goes from right to left: what was read last is still in the cache
        left = columns - lanes(C) - panel if backwards else panel
        for top in range(0, rows, height):
            row_tile(
                C, c + top * columns + left, A, a + top * depth, W, left * depth,
                min(height, rows - top), columns, depth,
            )  # fmt: skip


@intrinsic
def row_tile(
    _: Any, C: Any, c: Any, A: Any, a: Any, W: Any, w: Any, height: Any,
    columns: Any, depth: Any,
) -> Codegen:  # fmt: skip
    """One tile of `row_product`: a vector of C in each row; each height has a loop of its own."""
    vector = vector_of(C)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        starts = [
            emit_pointer(context, builder, sig.args[n], *values[n : n + 2]) for n in (0, 2, 4)
        ]
        height, columns, depth = values[6:]
        C, A, W = map(Rows, starts, (columns, depth, depth))
        done = builder.append_basic_block("done")
        jump = builder.switch(height, done)
        for rows in range(1, max(1, most_sums // vector.lanes) + 1):
            block = builder.append_basic_block(f"rows_{rows}")
            jump.add_case(height.type(rows), block)
            builder.position_at_end(block)
            emit_row_tile(builder, vector, rows, C, A, W, depth)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    i = types.intp
    return types.none(C, i, A, i, W, i, i, i, i), codegen


def emit_row_tile(
    builder: ir.IRBuilder, vector: Vector, height: int, C: Rows, A: Rows, W: Rows, depth: Any
) -> None:
    """Code for one tile; its sums are phi nodes of the loop over k, which become registers."""
    lanes, integer, before = vector.lanes, depth.type, builder.block
    loop, write_C = builder.append_basic_block("over_k"), builder.append_basic_block("write_C")
    builder.branch(loop)
    builder.position_at_end(loop)
    first = [integer(0), *[vector.constant(0.0)] * (height * lanes)]
    k, *sums = phis = [builder.phi(value.type) for value in first]
    xs = emit_rows_at(builder, vector, height, A, k)
    ws = emit_rows_at(builder, vector, lanes, W, k)
    pairs = [(x, w) for x in xs for w in ws]
    sums = [emit_fma(builder, vector, *pair, s) for pair, s in zip(pairs, sums, strict=True)]
    k = builder.add(k, integer(lanes))
    connect(phis, before, first)
    connect(phis, loop, [k, *sums])
    builder.cbranch(builder.icmp_signed("<", k, depth), loop, write_C)

    builder.position_at_end(write_C)
    for row, pointer in enumerate(emit_row_starts(builder, vector, height, C)):
        values = emit_sums_of_each(builder, sums[row * lanes : (row + 1) * lanes])
        emit_store(builder, values, pointer, vector)


def emit_rows_at(
    builder: ir.IRBuilder, vector: Vector, height: int, matrix: Rows, k: Any
) -> list[Any]:
    """The vectors that start at column k of `height` rows."""
    stride = matrix.stride
    offsets = [builder.add(builder.mul(stride, stride.type(row)), k) for row in range(height)]
    pointers = [emit_step(builder, vector, matrix.start, offset) for offset in offsets]
    return [emit_load(builder, pointer, vector) for pointer in pointers]
