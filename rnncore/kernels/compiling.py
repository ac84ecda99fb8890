"""How numba compiles the kernels; `sources` keeps kernels of other source code out of its cache."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

Codegen = tuple[Any, Callable[..., Any]]  # the signature of an intrinsic, and what emits its code
Function = TypeVar("Function", bound=Callable[..., Any])


def kernel(function: Function) -> Function:
    """A function that Python calls: compiled at its first call and cached on disk.

    numba's cache looks for changes in the kernel's own file alone, not in those that it calls
    into. So each kernel has a last argument that nobody passes, with `sources` as its default:
    that is part of the signature under which numba files the machine code.
    """
    return cast("Function", numba.njit(error_model="numpy", nogil=True, cache=True)(function))


def compiled(function: Function) -> Function:
    """A part of kernels that stays a function of its own in machine code."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True)(function))


def inlined(function: Function) -> Function:
    """A part of kernels that goes into each of its callers, which halves the time to compile."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True, inline="always")(function))


def intrinsic(function: Callable[..., Codegen]) -> Callable[..., Any]:
    """A function for kernels whose LLVM code we emit ourselves."""
    return cast("Callable[..., Any]", numba.extending.intrinsic(function))


def digest_of_sources() -> int:
    """A number that changes with any file of this package."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    content = b"".join(file.read_bytes() for file in files)
    return int.from_bytes(hashlib.sha256(content).digest()[:6])


sources = digest_of_sources()
