"""Kernels compiled for processors with fewer or narrower registers agree with the reference too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from llvmlite import binding

from rnncore.kernels.simd import processor as target
from rnncore.kernels.simd.processor import features

processors = {
    "16 registers of 128 bits": {"NUMBA_CPU_NAME": "generic"},
    "16 registers of 256 bits": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma",
    },
}


@pytest.mark.parametrize(
    ("processor", "dtypes"),
    [
        ("16 registers of 128 bits", ("float32",)),
        ("16 registers of 256 bits", ("float64",)),
    ],
)
def test_kernels_agree_with_the_reference_on_other_processors(
    processor: str, dtypes: tuple[str, ...], tmp_path: Path
) -> None:
    """The environment variables tell numba which processor to compile for."""
    if "avx2" not in features:
        pytest.skip("needs an x86-64 processor with AVX2, which can run this code")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.processors", *dtypes],
        cwd=Path(__file__).parents[2],
        env=os.environ | processors[processor] | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "equal\n" == done.stdout, done.stderr


@pytest.mark.parametrize(
    ("chosen", "found"), [(None, set()), ("", set()), ("+crc,+sve", {"crc", "sve"})]
)
@pytest.mark.parametrize("triple", ["aarch64-unknown-linux-gnu", "arm64-apple-darwin24.0.0"])
def test_arm_has_32_registers_whatever_llvm_finds(
    triple: str, chosen: str | None, found: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In an emulator LLVM finds no features, since it reads those of the host."""
    monkeypatch.setattr(binding, "get_process_triple", lambda: triple)
    monkeypatch.setattr(binding, "get_host_cpu_features", lambda: {"sve": False})
    monkeypatch.setattr(target.config, "CPU_FEATURES", chosen)

    assert found | {"neon"} == target.target_features()
    assert (32, 128) == target.register_file(target.target_features())


@pytest.mark.parametrize(
    ("chosen", "registers"),
    [
        ("", (16, 128)),
        ("+avx,+avx2", (16, 256)),
        ("+avx,+avx512f,-avx512vl", (16, 256)),
        ("+avx,+avx512f,+avx512vl", (32, 512)),
    ],
)
def test_registers_of_x86_64_depend_on_its_features(
    chosen: str, registers: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A processor has 32 registers of any width only with both of these parts of AVX-512."""
    monkeypatch.setattr(binding, "get_process_triple", lambda: "x86_64-unknown-linux-gnu")
    monkeypatch.setattr(target.config, "CPU_FEATURES", chosen)

    assert registers == target.register_file(target.target_features())
