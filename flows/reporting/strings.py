"""Characters in an array as strings of a Parquet column, without a loop over texts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

ends_of_widths = (0x7F, 0x7FF, 0xFFFF)  # the last code points of one, two and three bytes in UTF-8


def adjacent_strings(points: NDArray[np.uint32], ends: NDArray[np.int64]) -> pa.Array:
    """Texts that stand one after the other in `points` (N,), code points, and end at `ends` (S,)."""
    if not len(points) or points.max() <= ends_of_widths[0]:
        data, borders = points.astype(np.uint8).tobytes(), ends
    else:
        widths = 1 + np.searchsorted(ends_of_widths, points)
        data = points.astype("<u4", copy=False).tobytes().decode("utf-32-le").encode()
        borders = np.concatenate([[0], np.cumsum(widths)])[ends]
    offsets = np.concatenate([[0], borders]).astype(np.int32)
    return pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(data))
