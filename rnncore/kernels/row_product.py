# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; `values` hold them
"""Products of rows with rows: the forward pass, without a transposed copy of the weights.

As in `product`, each element is summed up in one order whatever stands beside it: in as many
parts as a vector has lanes, which are then folded together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnncore.kernels.compiling import Codegen, compiled, inlined, intrinsic, registers
from rnncore.kernels.vector import (
    Vector,
    address,
    lanes,
    multiply_add,
    pick,
    read_vector,
    write_vector,
)
from rnncore.parameters import FloatArray

most_sums = 3 * registers // 4  # of a tile: they, and what they need, stay in registers


@inlined
def row_product(C: FloatArray, c: int, A: FloatArray, a: int, W: FloatArray, rows: int) -> None:
    """C[m, n] = sum over k of A[m, k] W[n, k], for `rows` rows from elements `c` and `a` on.

    Rows of C are as wide as W is high, rows of A as wide as W, in whole vectors.
    """
    size = np.intp  # numba would compile anew for each constant that it sees among the arguments
    row_product_in_tiles(C, size(c), A, size(a), W, size(rows))


@compiled
def row_product_in_tiles(
    C: FloatArray, c: np.intp, A: FloatArray, a: np.intp, W: FloatArray, rows: np.intp
) -> None:
    """`row_product`, cut into tiles; those of few rows of W stay in cache for all rows of A."""
    columns, depth = W.shape
    if rows == 0:  # a thread may have no share
        return
    highest = max(1, most_sums // lanes(C))
    bands = (rows + highest - 1) // highest
    high = (rows + bands - 1) // bands
    backwards = (c // columns) % 2 == 1
    for panel in range(0, columns, lanes(C)):
        # every other row of C goes from right to left: what was read last is still in the cache
        left = columns - lanes(C) - panel if backwards else panel
        for top in range(0, rows, high):
            row_tile(
                C, c + top * columns + left, A, a + top * depth, W, left * depth,
                min(high, rows - top), columns, depth,
            )  # fmt: skip


@intrinsic
def row_tile(
    _: Any, C: Any, c: Any, A: Any, a: Any, W: Any, w: Any, height: Any,
    columns: Any, depth: Any,
) -> Codegen:  # fmt: skip
    """One tile of `row_product`, eight rows of W wide: for each height a loop of its own."""
    vector = Vector(C.dtype)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        def start(array: int) -> Any:
            return address(context, builder, sig.args[array], *values[array : array + 2])

        C_at, A_at, W_at = start(0), start(2), start(4)
        height, columns, depth = values[6:]
        done = builder.append_basic_block("done")
        jump = builder.switch(height, done)
        for rows in range(1, max(1, most_sums // vector.lanes) + 1):
            block = builder.append_basic_block(f"rows_{rows}")
            jump.add_case(height.type(rows), block)
            builder.position_at_end(block)
            emit_row_tile(builder, vector, rows, (C_at, columns), A_at, W_at, depth)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    i = types.intp
    return types.none(C, i, A, i, W, i, i, i, i), codegen


def emit_row_tile(
    builder: ir.IRBuilder, vector: Vector, height: int, C: Any, A_at: Any, W_at: Any,
    depth: Any,
) -> None:  # fmt: skip
    """Code for one tile; its sums are phi nodes of the loop over k, which become registers."""
    C_at, columns = C
    whole, element = depth.type, vector.llvm.element

    def at(start: Any, row: int, row_size: Any, offset: Any) -> Any:
        index = builder.add(builder.mul(row_size, whole(row)), offset)
        return builder.gep(start, [index], source_etype=element)

    before, loop = builder.block, builder.append_basic_block("over_k")
    after = builder.append_basic_block("sums")
    builder.branch(loop)
    builder.position_at_end(loop)
    zeros = [vector.constant(0.0)] * (height * vector.lanes)
    k, *sums = carried = [builder.phi(start.type) for start in [whole(0), *zeros]]
    xs = [read_vector(builder, at(A_at, row, depth, k), vector) for row in range(height)]
    ws = [read_vector(builder, at(W_at, row, depth, k), vector) for row in range(vector.lanes)]
    pairs = [(x, w) for x in xs for w in ws]
    new = [multiply_add(builder, vector, *pair, s) for pair, s in zip(pairs, sums, strict=True)]
    following = [builder.add(k, whole(vector.lanes)), *new]
    for node, start, value in zip(carried, [whole(0), *zeros], following, strict=True):
        node.add_incoming(start, before)
        node.add_incoming(value, loop)
    builder.cbranch(builder.icmp_signed("<", following[0], depth), loop, after)

    builder.position_at_end(after)
    for row in range(height):
        folded = fold_each(builder, new[row * vector.lanes : (row + 1) * vector.lanes])
        write_vector(builder, folded, at(C_at, row, columns, whole(0)), vector)


def fold_each(builder: ir.IRBuilder, parts: list[Any]) -> Any:
    """Vector whose lane l is the sum of the lanes of vector l."""
    lanes = len(parts)
    distance = lanes // 2
    while distance:
        # a lane whose number has this bit belongs to the vector that stands so much further on
        upper = [n + lanes - distance if n & distance else n for n in range(lanes)]
        lower = [n + distance for n in upper]
        pairs = zip(parts[:distance], parts[distance:], strict=True)
        parts = [
            builder.fadd(pick(builder, *pair, upper), pick(builder, *pair, lower)) for pair in pairs
        ]
        distance //= 2
    return parts[0]
