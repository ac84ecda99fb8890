# ruff: noqa: ARG001, FBT001  # numba types an intrinsic by its arguments; `values` hold them
"""Matrix products whose every sum has one fixed order, and the transposes that they need.

Each element of a product is one chain of fused multiply-adds over k = 0, 1, 2, …, whatever the
width, height and alignment of the matrices: what stands beside a row never changes its bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnncore.kernels.compiling import Codegen, compiled, inlined, intrinsic
from rnncore.kernels.vector import (
    Vector,
    address,
    multiply_add,
    pick,
    read_vector,
    register_bytes,
    spread,
    write_vector,
)
from rnncore.parameters import FloatArray

# A tile's sums stay in registers: 5 × 5 of AVX-512's 32, or one row that is as wide as can be.
highest, widest, widest_row = 5, 5, 8


@inlined
def product(
    C: FloatArray, c: int, A: FloatArray, a: int, a_row: int, a_k: int, B: FloatArray, b: int,
    rows: int, columns: int, depth: int, add: bool,
) -> None:  # fmt: skip
    """C[m, n] = or += sum over k of A[m, k] B[k, n], for `rows` × `columns` elements of C.

    C and B start at elements `c` and `b` of their arrays; their rows are `columns` wide, which is
    a whole number of vectors. Element (m, k) of A is at `A.flat[a + m * a_row + k * a_k]`, so that
    swapped strides multiply its transpose, as with BLAS.
    """
    size = np.intp  # numba would compile anew for each constant that it sees among the arguments
    product_in_tiles(
        C, size(c), A, size(a), size(a_row), size(a_k), B, size(b),
        size(rows), size(columns), size(depth), np.bool_(add),
    )  # fmt: skip


@compiled
def product_in_tiles(
    C: FloatArray, c: np.intp, A: FloatArray, a: np.intp, a_row: np.intp, a_k: np.intp, B: FloatArray, b: np.intp,
    rows: np.intp, columns: np.intp, depth: np.intp, add: np.bool,
) -> None:  # fmt: skip
    """`product`, cut into tiles of nearly equal size."""
    lanes = register_bytes // C.itemsize
    vectors = columns // lanes
    panels, bands = -(-vectors // (widest_row if rows == 1 else widest)), -(-rows // highest)
    for panel in range(panels):
        left, right = vectors * panel // panels, vectors * (panel + 1) // panels
        for band in range(bands):
            top, bottom = rows * band // bands, rows * (band + 1) // bands
            tile(
                C, c + top * columns + left * lanes, A, a + top * a_row, a_row, a_k,
                B, b + left * lanes, bottom - top, right - left, columns, depth, add,
            )  # fmt: skip


@intrinsic
def tile(
    _: Any, C: Any, c: Any, A: Any, a: Any, a_row: Any, a_k: Any, B: Any, b: Any,
    rows: Any, vectors: Any, columns: Any, depth: Any, add: Any,
) -> Codegen:  # fmt: skip
    """One tile of `product`: for each height and width a loop of its own, found by a jump table."""
    vector = Vector(C.dtype)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        def start(array: int) -> Any:
            return address(context, builder, sig.args[array], *values[array : array + 2])

        C_at, A_at, B_at = start(0), start(2), start(6)
        a_row, a_k = values[4:6]
        rows, vectors, columns, depth, add = values[8:]
        done = builder.append_basic_block("done")
        jump = builder.switch(builder.add(builder.mul(rows, rows.type(16)), vectors), done)
        for height in range(1, highest + 1):
            for width in range(1, (widest_row if height == 1 else widest) + 1):
                block = builder.append_basic_block(f"tile_{height}x{width}")
                jump.add_case(rows.type(16 * height + width), block)
                builder.position_at_end(block)
                C_in, A_in, B_in = (C_at, columns), (A_at, a_row, a_k), (B_at, columns)
                emit_tile(builder, vector, (height, width), C_in, A_in, B_in, depth, add)
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    i = types.intp
    return types.none(C, i, A, i, i, i, B, i, i, i, i, i, types.boolean), codegen


def emit_tile(
    builder: ir.IRBuilder, vector: Vector, shape: tuple[int, int], C: Any, A: Any, B: Any,
    depth: Any, add: Any,
) -> None:  # fmt: skip
    """Code for one tile; its sums are phi nodes of the loop over k, which become registers."""
    (height, width), (C_at, c_row), (A_at, a_row, a_k), (B_at, b_row) = shape, C, A, B
    whole, element = depth.type, vector.llvm.element

    def step(pointer: Any, elements: Any) -> Any:
        return builder.gep(pointer, [elements], source_etype=element)

    places = [
        step(C_at, builder.add(builder.mul(c_row, whole(row)), whole(column * vector.lanes)))
        for row in range(height)
        for column in range(width)
    ]
    zero = vector.constant(0.0)
    first = [builder.select(add, read_vector(builder, place, vector), zero) for place in places]
    before = builder.block
    loop, after = builder.append_basic_block("over_k"), builder.append_basic_block("sums")
    builder.branch(loop)

    builder.position_at_end(loop)
    starts = [whole(0), A_at, B_at, *first]
    carried = [builder.phi(start.type) for start in starts]
    k, A_k, B_k, *sums = carried
    scalars = [
        builder.load(step(A_k, builder.mul(a_row, whole(row))), typ=element)
        for row in range(height)
    ]
    spreads = [spread(builder, scalar, vector) for scalar in scalars]
    panel = [
        read_vector(builder, step(B_k, whole(column * vector.lanes)), vector)
        for column in range(width)
    ]
    pairs = [(x, w) for x in spreads for w in panel]
    new = [multiply_add(builder, vector, *pair, s) for pair, s in zip(pairs, sums, strict=True)]
    following = [builder.add(k, whole(1)), step(A_k, a_k), step(B_k, b_row), *new]
    for node, start, value in zip(carried, starts, following, strict=True):
        node.add_incoming(start, before)
        node.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following[0], depth), loop, after)

    builder.position_at_end(after)
    for place, value in zip(places, new, strict=True):
        write_vector(builder, value, place, vector)


@inlined
def transpose(source: FloatArray, target: FloatArray, top: int, bottom: int) -> None:
    """Write rows `top` to `bottom` of `source` as columns of `target`, in squares of vectors."""
    lanes = register_bytes // source.itemsize
    width, height = source.shape[1], target.shape[1]
    for row in range(top, bottom, lanes):
        for column in range(0, width, lanes):
            start, target_start = row * width + column, column * height + row
            transpose_square(source, start, width, target, target_start, height)


@intrinsic
def transpose_square(
    _: Any, source: Any, start: Any, width: Any, target: Any, target_start: Any, height: Any
) -> Codegen:
    """Transpose a square, as many vectors as a vector has lanes, through registers."""
    vector = Vector(source.dtype)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        def place(array: int, row: int) -> Any:
            offset = builder.mul(values[array + 2], values[array + 2].type(row))
            at = builder.add(values[array + 1], offset)
            return address(context, builder, sig.args[array], values[array], at)

        lanes = range(vector.lanes)
        rows = [read_vector(builder, place(0, row), vector) for row in lanes]
        distance = vector.lanes // 2
        while distance:  # swap blocks of this size across the diagonal, then smaller ones
            jump = vector.lanes - distance  # from a lane to the one in `high` that is swapped in
            upper = [lane + jump if lane & distance else lane for lane in lanes]
            lower = [lane + distance for lane in upper]
            for row in (row for row in lanes if not row & distance):
                low, high = rows[row], rows[row + distance]
                rows[row] = pick(builder, low, high, upper)
                rows[row + distance] = pick(builder, low, high, lower)
            distance //= 2
        for row in lanes:
            write_vector(builder, rows[row], place(3, row), vector)
        return context.get_dummy_value()

    i = types.intp
    return types.none(source, i, i, target, i, i), codegen
