"""The processor that the kernels are compiled for: its name and its vector registers."""

from __future__ import annotations

from functools import cache
from typing import Any

import numba
from llvmlite import binding

config: Any = numba.config  # numba adds its settings at import, so mypy does not know them
arm = ("aarch64", "arm64")  # the first part of LLVM's triple for 64-bit ARM, on Linux and on macOS
smallest_bits = 128  # of a register, of every processor that kernels are written for
avx512 = {"avx512f", "avx512vl"}  # with both, there are 32 registers


def target_features() -> set[str]:
    """Instruction sets that numba compiles for: this processor's, or `NUMBA_CPU_FEATURES`.

    Every 64-bit ARM processor has NEON, and LLVM uses it whether a list names it or not. LLVM does
    not find it in an emulator, which shows the features of the processor that it runs on.
    """
    chosen, is_arm = config.CPU_FEATURES, binding.get_process_triple().startswith(arm)
    if chosen is None:
        found = {name for name, supported in binding.get_host_cpu_features().items() if supported}
    else:
        found = {name[1:] for name in chosen.split(",") if name.startswith("+")}
    return found | {"neon"} if is_arm else found


@cache
def target_processor() -> str:
    """LLVM's name for the processor that numba compiles for: this one, or `NUMBA_CPU_NAME`."""
    return str(config.CPU_NAME or binding.get_host_cpu_name())


def register_file(features: set[str]) -> tuple[int, int]:
    """Number of vector registers, and bits in each."""
    if avx512 <= features:
        return 32, 512
    if "neon" in features:
        return 32, 128
    return 16, 256 if "avx" in features else 128


features = target_features()
has_avx512 = avx512 <= features
registers, register_bits = register_file(features)
