"""How numba compiles the kernels, and where it keeps what it compiled."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import binding

config: Any = numba.config  # its settings are made as it is imported, unseen by mypy
Codegen = tuple[Any, Callable[..., Any]]  # the signature of an intrinsic, and what emits its code
Function = TypeVar("Function", bound=Callable[..., Any])


def target_features() -> set[str]:
    """Instruction sets that numba compiles for: this processor's, or `NUMBA_CPU_FEATURES`."""
    chosen = config.CPU_FEATURES
    if chosen is None:
        return {name for name, there in binding.get_host_cpu_features().items() if there}
    return {name[1:] for name in chosen.split(",") if name.startswith("+")}


def cache_folder() -> Path:
    """Folder of the machine code of exactly these sources, in `NUMBA_CACHE_DIR` if that is set.

    numba's own choice looks for changes in a kernel's file alone, not in those that it calls into,
    and stumbles over what it kept when a type in a signature has changed since.
    """
    package, usual = Path(__file__).parent, config.CACHE_DIR
    if not usual:
        writable = os.access(package, os.W_OK)
        usual = package / "__pycache__" if writable else Path.home() / ".cache" / "rnncore"
    content = b"".join(file.read_bytes() for file in sorted(package.glob("*.py")))
    return Path(usual) / f"kernels-{hashlib.sha256(content).hexdigest()[:16]}"


def kernel(function: Function) -> Function:
    """A function that Python calls: compiled at its first call, then kept on disk."""
    usual = config.CACHE_DIR
    config.CACHE_DIR = str(folder)  # numba asks for it here and now
    try:
        cached = numba.njit(error_model="numpy", nogil=True, cache=True)(function)
    finally:
        config.CACHE_DIR = usual
    return cast("Function", cached)


def compiled(function: Function) -> Function:
    """A part of kernels that stays a function of its own in machine code."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True)(function))


def inlined(function: Function) -> Function:
    """A part of kernels that goes into each of its callers, which halves the time to compile."""
    return cast("Function", numba.njit(error_model="numpy", nogil=True, inline="always")(function))


def intrinsic(function: Callable[..., Codegen]) -> Callable[..., Any]:
    """A function for kernels whose LLVM code we emit ourselves."""
    return cast("Callable[..., Any]", numba.extending.intrinsic(function))


def register_file() -> tuple[int, int]:
    """How many vector registers there are, and how many bits one has."""
    if has_avx512:
        return 32, 512
    if "neon" in features:
        return 32, 128
    return 16, 256 if "avx" in features else 128


folder = cache_folder()
features = target_features()
has_avx512 = {"avx512f", "avx512vl"} <= features
registers, register_bits = register_file()
