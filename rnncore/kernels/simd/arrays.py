"""Arrays of vectors: the type of an array tells how many floats a vector of it has.

So kernels are compiled once for each number of lanes, and one process can use several.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types
from numba.core.typing.typeof import typeof_impl
from numba.extending import models, register_model

from rnncore.kernels.simd.processor import smallest_bits


class VectorArray(np.ndarray[Any, np.dtype[np.floating]]):
    """A contiguous array that kernels read in vectors of `lanes` floats."""

    lanes: int

    def __array_finalize__(self, source: object) -> None:
        """A view has the lanes of its array."""
        self.lanes = getattr(source, "lanes", 0)


class VectorArrayType(types.Array):
    """numba's type of a `VectorArray`."""

    def __init__(self, like: types.Array, lanes: int) -> None:
        self.lanes = lanes
        super().__init__(
            like.dtype,
            like.ndim,
            like.layout,
            readonly=not like.mutable,
            name=f"{like.name} of vectors of {lanes}",
            aligned=like.aligned,
        )

    @property
    def key(self) -> tuple[Any, ...]:
        """Types are equal if their keys are."""
        return (*super().key, self.lanes)

    @property
    def mangling_args(self) -> tuple[Any, ...]:
        """What the name of a function in machine code says of an argument of this type.

        Machine code of two processes is loaded into one: equal names would be taken for one function.
        """
        name, arguments = super().mangling_args
        return name, (*arguments, self.lanes)

    def copy(self, *args: Any, **kwargs: Any) -> Any:
        """The type of a view, as numba derives it: with other dimensions, say."""
        plain = types.Array(
            self.dtype, self.ndim, self.layout, readonly=not self.mutable, aligned=self.aligned
        )
        return VectorArrayType(plain.copy(*args, **kwargs), self.lanes)


register_model(VectorArrayType)(models.ArrayModel)


@typeof_impl.register(VectorArray)
def type_of_array(array: VectorArray, context: Any) -> VectorArrayType:
    """The type under which numba compiles for `array`."""
    return VectorArrayType(typeof_impl(np.asarray(array), context), array.lanes)


def aligned(dtype: np.dtype[np.floating], lanes: int, *shape: int) -> VectorArray:
    """Zeros that start at a cache line (64 bytes), so that no vector crosses two lines."""
    size = math.prod(shape) * dtype.itemsize
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    array = room[start : start + size].view(dtype).reshape(shape).view(VectorArray)
    array.lanes = lanes
    return array


def in_halves(array: VectorArray) -> VectorArray:
    """A view that kernels read in vectors of half as many floats, if there are registers for them."""
    view = array.view()
    view.lanes = max(array.lanes // 2, smallest_bits // (8 * array.itemsize))
    return view
