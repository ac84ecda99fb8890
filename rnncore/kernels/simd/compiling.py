"""How numba compiles the kernels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

import numba
import numpy as np

from rnncore.kernels.simd.caching import cache_of

Codegen = tuple[Any, Callable[..., Any]]  # an intrinsic's signature, and the function that emits it
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """A function that Python calls: compiled at its first call, then cached on disk."""
    dispatcher: Any = numba.njit(error_model="numpy", nogil=True)(function)
    entry_points: dict[Hashable, Callable[..., Any]] = {}

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        key = kind_of(arguments)
        if key not in entry_points:
            if (cache := cache_of(function)) is not None:  # not before: to import writes nothing
                dispatcher._cache = cache  # noqa: SLF001 - as numba's own cache=True does
            entry_points[key] = dispatcher.compile(tuple(map(numba.typeof, arguments)))
        return entry_points[key](*arguments)

    return cast("Function", call)


def kind_of(argument: object) -> Hashable:
    """What the machine code depends on: types, and the lanes of arrays, which numba overlooks."""
    if isinstance(argument, np.ndarray):
        lanes, flags = getattr(argument, "lanes", None), argument.flags
        return argument.dtype, argument.ndim, lanes, flags.writeable, flags.c_contiguous
    if isinstance(argument, tuple):
        return type(argument).__qualname__, *map(kind_of, argument)
    return type(argument).__qualname__


def compiled(function: Function) -> Function:
    """A function that kernels call, and that stays a function in the machine code."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True)(function))


def inlined(function: Function) -> Function:
    """A function that is inlined into each of its callers, which halves the time to compile."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True, inline="always")(function))


def intrinsic(function: Callable[..., Codegen]) -> Callable[..., Any]:
    """A function that kernels call, and whose LLVM instructions we emit ourselves."""
    return cast("Callable[..., Any]", numba.extending.intrinsic(function))
