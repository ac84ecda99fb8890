"""Matrix products C = A B with B stored by rows of k: for the backward pass and the gradients.

Each element of C is one chain of fused multiply-adds over k = 0, 1, 2, …, whatever the size of the
matrices and the tile that computes it. So a row has the same bits alone and among others.
"""

from __future__ import annotations

import numpy as np

from rnncore.kernels.simd.compiling import compiled, inlined
from rnncore.kernels.simd.tiles import highest, tile, widest, widest_row
from rnncore.kernels.simd.vector import FloatArray, lanes

block_depth = 128  # rows of B at a time: the tiles that need them find them in the cache


@inlined
def product(
    C: FloatArray, c: int, A: FloatArray, a: int, a_row: int, a_k: int, B: FloatArray, b: int,
    rows: int, columns: int, depth: int, accumulate: bool,
) -> None:  # fmt: skip
    """C[m, n] = or += sum over k of A[m, k] B[k, n], for `rows` × `columns` elements of C.

    C and B start at elements `c` and `b` of their arrays; their rows are `columns` wide, which is
    a whole number of vectors. Element (m, k) of A is at `A.flat[a + m * a_row + k * a_k]`: with
    the strides swapped, A is transposed, as in BLAS.
    """
    product_of_columns(C, c, A, a, a_row, a_k, B, b, rows, columns, columns, depth, accumulate)


@inlined
def product_of_columns(
    C: FloatArray, c: int, A: FloatArray, a: int, a_row: int, a_k: int, B: FloatArray, b: int,
    rows: int, width: int, columns: int, depth: int, accumulate: bool,
) -> None:  # fmt: skip
    """`product`, for `width` columns of C and B alone, from their elements `c` and `b` on."""
    size = np.intp  # otherwise numba compiles anew for each constant among the arguments
    product_in_tiles(
        C, size(c), A, size(a), size(a_row), size(a_k), B, size(b),
        size(rows), size(width), size(columns), size(depth), np.bool_(accumulate),
    )  # fmt: skip


@compiled
def product_in_tiles(
    C: FloatArray, c: np.intp, A: FloatArray, a: np.intp, a_row: np.intp, a_k: np.intp,
    B: FloatArray, b: np.intp,
    rows: np.intp, width: np.intp, columns: np.intp, depth: np.intp, accumulate: np.bool,
) -> None:  # fmt: skip
    """`product_of_columns`, divided into tiles of nearly equal size."""
    if rows == 0:  # a thread may have no share
        return
    vectors = width // lanes(C)
    most = widest_row if rows == 1 else widest
    panels = (vectors + most - 1) // most
    blocks = (rows + highest - 1) // highest
    # every second single row goes from right to left: what was read last is still in the cache
    backwards = rows == 1 and (c // columns) % 2 == 1
    most_depth = depth if rows == 1 else block_depth
    for k in range(0, depth, most_depth):
        for n in range(panels):
            panel = panels - 1 - n if backwards else n
            left, right = vectors * panel // panels, vectors * (panel + 1) // panels
            for block in range(blocks):
                top, bottom = rows * block // blocks, rows * (block + 1) // blocks
                tile(
                    C, c + top * columns + left * lanes(C), A, a + top * a_row + k * a_k, a_row,
                    a_k, B, b + k * columns + left * lanes(C), bottom - top, right - left, columns,
                    min(most_depth, depth - k), accumulate or k > 0,
                )  # fmt: skip
