"""How numba compiles the kernels, and where it keeps the machine code."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import numpy as np

from rnncore.kernels.simd.processor import config

Codegen = tuple[Any, Callable[..., Any]]  # an intrinsic's signature, and the function that emits it
Function = TypeVar("Function", bound=Callable[..., Any])


def cache_folder() -> Path:
    """Folder for the machine code of exactly these sources, in `NUMBA_CACHE_DIR` if it is set.

    numba checks only whether the kernel's own file has changed, not the files of the functions
    that it calls. It also fails on an old cache file when a type in a signature has changed.
    """
    kernels, folder = Path(__file__).parents[1], config.CACHE_DIR
    if not folder:
        writable = os.access(kernels, os.W_OK)
        folder = kernels / "__pycache__" if writable else Path.home() / ".cache" / "rnncore"
    sources = b"".join(file.read_bytes() for file in sorted(kernels.rglob("*.py")))
    return Path(folder) / f"kernels-{hashlib.sha256(sources).hexdigest()[:16]}"


def kernel(function: Function) -> Function:
    """A function that Python calls: compiled at its first call, then cached on disk."""
    configured = config.CACHE_DIR
    config.CACHE_DIR = str(cache)  # numba reads the setting while it decorates
    try:
        dispatcher = numba.njit(error_model="numpy", nogil=True, cache=True)(function)
    finally:
        config.CACHE_DIR = configured

    entry_points: dict[Hashable, Callable[..., Any]] = {}

    @functools.wraps(function)
    def call(*arguments: Any) -> Any:
        key = kind_of(arguments)
        if key not in entry_points:
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


cache = cache_folder()
