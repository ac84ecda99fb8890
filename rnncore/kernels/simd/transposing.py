# ruff: noqa: ARG001  # numba types an intrinsic by its arguments; the code reads `values`
"""A transposed copy of rows of a matrix, made in registers: squares of as many rows as lanes."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rnncore.kernels.simd.compiling import Codegen, compiled, inlined, intrinsic
from rnncore.kernels.simd.tiles import Rows, emit_row_starts
from rnncore.kernels.simd.vector import (
    FloatArray,
    emit_load,
    emit_pointer,
    emit_shuffle,
    emit_store,
    lanes,
    vector_of,
)


@inlined
def transpose(W: FloatArray, WT: FloatArray, top: int, bottom: int) -> None:
    """Copy rows `top` to `bottom` of W into the columns of WT; all sizes are whole vectors."""
    transpose_in_squares(W, WT, np.intp(top), np.intp(bottom))


@compiled
def transpose_in_squares(W: FloatArray, WT: FloatArray, top: np.intp, bottom: np.intp) -> None:
    """`transpose`, square by square."""
    rows, columns = W.shape
    for row in range(top, bottom, lanes(W)):
        for column in range(0, columns, lanes(W)):
            transpose_square(W, row * columns + column, columns, WT, column * rows + row, rows)


@intrinsic
def transpose_square(_: Any, W: Any, w: Any, w_row: Any, WT: Any, wt: Any, wt_row: Any) -> Codegen:
    """A square that starts at elements `w` and `wt`; `w_row`, `wt_row` lead to the next rows."""
    vector = vector_of(W)

    def codegen(context: Any, builder: ir.IRBuilder, sig: Any, values: Any) -> Any:
        source, target = (
            Rows(emit_pointer(context, builder, sig.args[n], *values[n : n + 2]), values[n + 2])
            for n in (0, 3)
        )
        pointers = emit_row_starts(builder, vector, vector.lanes, source)
        rows = [emit_load(builder, pointer, vector) for pointer in pointers]
        rows = emit_transposed(builder, rows)
        for row, pointer in zip(
            rows, emit_row_starts(builder, vector, vector.lanes, target), strict=True
        ):
            emit_store(builder, row, pointer, vector)
        return context.get_dummy_value()

    i = types.intp
    return types.none(W, i, i, WT, i, i), codegen


def emit_transposed(builder: ir.IRBuilder, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors: exchange halves, then quarters, and so on."""
    count = len(rows)
    lanes, distance = range(count), count // 2
    while distance:
        # two rows at this distance exchange the upper part of one for the lower part of the other
        low = [n + count - distance if n & distance else n for n in lanes]
        high = [n + count if n & distance else n + distance for n in lanes]
        rows = [
            emit_shuffle(
                builder, rows[n & ~distance], rows[n | distance], high if n & distance else low
            )
            for n in lanes
        ]
        distance //= 2
    return rows
