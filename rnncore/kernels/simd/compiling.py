"""How numba compiles the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

from rnncore.kernels.simd.caching import cache_of

Codegen = tuple[Any, Callable[..., Any]]  # an intrinsic's signature, and the function that emits it
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """A function that Python calls: compiled at its first call, then cached on disk."""
    dispatcher: Any = numba.njit(error_model="numpy", nogil=True)(function)
    if (cache := cache_of(function)) is not None:
        dispatcher._cache = cache  # noqa: SLF001 - as numba's own cache=True does
    return cast("Function", dispatcher)


def compiled(function: Function) -> Function:
    """A function that kernels call, and that stays a function in the machine code."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True)(function))


def inlined(function: Function) -> Function:
    """A function that is inlined into each of its callers, which halves the time to compile."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True, inline="always")(function))


def intrinsic(function: Callable[..., Codegen]) -> Callable[..., Any]:
    """A function that kernels call, and whose LLVM instructions we emit ourselves."""
    return cast("Callable[..., Any]", numba.extending.intrinsic(function))
