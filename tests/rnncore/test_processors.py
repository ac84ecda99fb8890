"""The kernels are compiled for the processor at hand: here for lesser ones, which must do as well."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from rnncore import Hyperparameters, TrainingState, sample_batch, train
from rnncore.kernels.compiling import features

processors = {
    "16 registers of 128 bits": {"NUMBA_CPU_NAME": "generic"},
    "16 registers of 256 bits": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+sse4.2,+avx,+avx2,+fma",
    },
}


def compare_backends(*dtypes: str) -> None:
    """A few iterations and texts; run in a process that compiles for another CPU."""
    tokens = np.random.default_rng(0).integers(0, 20, 500)
    for dtype in dtypes:
        tolerance = {"float32": 1e-4, "float64": 1e-11}[dtype]
        options = Hyperparameters(hidden_size=30, batch_size=3, dtype=dtype)
        fast, plain = (TrainingState.initial(20, options, seed=1) for _ in range(2))
        losses = train(fast, tokens, 30)
        np.testing.assert_allclose(losses, train(plain, tokens, 30, "numpy"), rtol=tolerance)
        np.testing.assert_allclose(fast.parameters.Whh, plain.parameters.Whh, atol=tolerance)
        texts = sample_batch(
            fast.parameters,
            fast.hidden,
            np.arange(3),
            50,
            rngs=[np.random.default_rng(n) for n in range(3)],
        )
        assert texts.max() < 20
    print("alike")


@pytest.mark.parametrize(
    ("processor", "dtypes"),
    [
        ("16 registers of 128 bits", ("float32",)),
        ("16 registers of 256 bits", ("float32", "float64")),
    ],
)
def test_kernels_of_lesser_processors(
    processor: str, dtypes: tuple[str, ...], tmp_path: Path
) -> None:
    """Both backends agree with fewer and narrower vector registers than this processor may have."""
    if "avx2" not in features:
        pytest.skip("needs an x86-64 processor with AVX2, whose lesser siblings these are")
    code = f"from tests.rnncore.test_processors import compare_backends as c; c(*{dtypes})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env=os.environ | processors[processor] | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert "alike\n" == done.stdout, done.stderr
