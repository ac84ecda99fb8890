"""The vocabulary of the kernels: vectors, their functions, matrix products, threads.

It knows nothing of the network. Kernels are written in it; docs/kernels.md explains it.
"""

from rnncore.kernels.simd.arrays import VectorArray, aligned, in_halves
from rnncore.kernels.simd.compiling import compiled, inlined, kernel
from rnncore.kernels.simd.copying import clear, copy
from rnncore.kernels.simd.elementary import clamp, exp, fma, if_less, inverse_sqrt, tanh
from rnncore.kernels.simd.products import product, product_of_columns
from rnncore.kernels.simd.reductions import max_lanes, min_lanes, sum_lanes
from rnncore.kernels.simd.row_products import row_product
from rnncore.kernels.simd.threads import barrier, threads_for
from rnncore.kernels.simd.transposing import transpose
from rnncore.kernels.simd.vector import broadcast, lanes, load, store
from rnncore.kernels.simd.widths import known_lanes

__all__ = [
    "VectorArray",
    "aligned",
    "barrier",
    "broadcast",
    "clamp",
    "clear",
    "compiled",
    "copy",
    "exp",
    "fma",
    "if_less",
    "in_halves",
    "inlined",
    "inverse_sqrt",
    "kernel",
    "known_lanes",
    "lanes",
    "load",
    "max_lanes",
    "min_lanes",
    "product",
    "product_of_columns",
    "row_product",
    "store",
    "sum_lanes",
    "tanh",
    "threads_for",
    "transpose",
]
