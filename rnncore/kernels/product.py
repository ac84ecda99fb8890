# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; `values` hold them
"""Products with a matrix whose rows run along n: backward, and gradients.

Each element of a product is one chain of fused multiply-adds over k = 0, 1, 2, …, whatever the
width, height and alignment of the matrices: what stands beside a row never changes its bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnncore.kernels.compiling import Codegen, compiled, has_avx512, inlined, intrinsic, registers
from rnncore.kernels.vector import (
    Vector,
    address,
    lanes,
    multiply_add,
    read_vector,
    spread,
    write_vector,
)
from rnncore.parameters import FloatArray

# A tile's sums stay in registers, or those of one row that is as wide as can be.
highest, widest, widest_row = {16: (4, 3, 8), 32: (5, 5, 8)}[registers]


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
    vectors = columns // lanes(C)
    panels = (vectors + widest - 1) // widest
    if rows == 1:
        panels = (vectors + widest_row - 1) // widest_row
    wide = (vectors + panels - 1) // panels
    if rows == 0:  # a thread may have no share
        return
    bands = (rows + highest - 1) // highest
    high = (rows + bands - 1) // bands
    for panel in range(panels):
        # every other row of C goes from right to left: what was read last is still in the cache
        left = wide * (panels - 1 - panel if rows == 1 and (c // columns) % 2 else panel)
        width = min(wide, vectors - left)
        for top in range(0, rows, high):
            tile(
                C, c + top * columns + left * lanes(C), A, a + top * a_row, a_row, a_k,
                B, b + left * lanes(C), min(high, rows - top), width, columns, depth, add,
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

    def places() -> list[Any]:
        rows = [step(C_at, builder.mul(c_row, whole(row))) for row in range(height)]
        return [step(row, whole(n * vector.lanes)) for row in rows for n in range(width)]

    before, given = builder.block, builder.append_basic_block("given")
    loop, after = builder.append_basic_block("over_k"), builder.append_basic_block("sums")
    builder.cbranch(add, given, loop)
    builder.position_at_end(given)
    present = [read_vector(builder, place, vector) for place in places()]
    builder.branch(loop)

    builder.position_at_end(loop)
    zeros = [vector.constant(0.0)] * (height * width)
    starts = [whole(0), A_at, B_at]
    k, A_k, B_k, *sums = carried = [builder.phi(start.type) for start in [*starts, *zeros]]
    column = [step(A_k, builder.mul(a_row, whole(row))) for row in range(height)]
    scalars = [builder.load(place, typ=element) for place in column]
    xs = [spread(builder, scalar, vector) for scalar in scalars]
    if height == 1:
        xs = [in_register(builder, xs[0])]
    panel = [read_vector(builder, step(B_k, whole(n * vector.lanes)), vector) for n in range(width)]
    pairs = [(x, w) for x in xs for w in panel]
    new = [multiply_add(builder, vector, *pair, s) for pair, s in zip(pairs, sums, strict=True)]
    following = [builder.add(k, whole(1)), step(A_k, a_k), step(B_k, b_row), *new]
    for node, zero, given_value, value in zip(
        carried, [*starts, *zeros], [*starts, *present], following, strict=True
    ):
        node.add_incoming(zero, before)
        node.add_incoming(given_value, given)
        node.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following[0], depth), loop, after)

    builder.position_at_end(after)
    for place, value in zip(places(), new, strict=True):
        write_vector(builder, value, place, vector)


def in_register(builder: ir.IRBuilder, value: Any) -> Any:
    """The same vector, which LLVM then has to keep in a register.

    Otherwise it loads A's element again for each multiply-add. Taller tiles have time for that,
    and no register to spare; a single row waits for its loads.
    """
    if not has_avx512:
        return value
    kind = ir.FunctionType(value.type, [value.type])
    return builder.asm(kind, "", "=v,0", [value], side_effect=False)
