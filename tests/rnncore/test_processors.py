"""Kernels compiled for processors with fewer or narrower registers agree with the reference too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
        ("16 registers of 256 bits", ("float32", "float64")),
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
