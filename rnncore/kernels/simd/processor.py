"""The processor that the kernels are compiled for: its name and its vector registers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
from llvmlite import binding

config: Any = numba.config  # numba adds its settings at import, so mypy does not know them


def target_features() -> set[str]:
    """Instruction sets that numba compiles for: this processor's, or `NUMBA_CPU_FEATURES`."""
    chosen = config.CPU_FEATURES
    if chosen is None:
        return {name for name, supported in binding.get_host_cpu_features().items() if supported}
    return {name[1:] for name in chosen.split(",") if name.startswith("+")}


@cache
def target_processor() -> str:
    """LLVM's name for the processor that numba compiles for: this one, or `NUMBA_CPU_NAME`."""
    return str(config.CPU_NAME or binding.get_host_cpu_name())


def register_file() -> tuple[int, int]:
    """Number of vector registers, and bits in each."""
    if has_avx512:
        return 32, 512
    if "neon" in features:
        return 32, 128
    return 16, 256 if "avx" in features else 128


features = target_features()
has_avx512 = {"avx512f", "avx512vl"} <= features
registers, register_bits = register_file()
