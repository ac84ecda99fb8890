"""Machine code is compiled once, said to be, and kept; whatever the folder holds, kernels work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rnncore.kernels.simd.processor import features

# Calls the smallest kernel twice for each dtype, and prints what the kernels log.
program = """
import logging, sys
import numpy as np
logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
from rnncore.kernels.simd import aligned
from rnncore.kernels.simd.widths import seconds_of_multiply_adds
for dtype in sys.argv[1:]:
    for _ in range(2):
        assert seconds_of_multiply_adds(aligned(np.dtype(dtype), 2, 10)) > 0
"""


def logged(folder: Path, *dtypes: str, **variables: str) -> list[str]:
    """What a process logs that calls a kernel, with its machine code in `folder`."""
    done = subprocess.run(
        [sys.executable, "-c", program, *(dtypes or ["float32"])],
        env=os.environ | {"NUMBA_CACHE_DIR": str(folder), **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 0 == done.returncode, done.stderr
    return done.stdout.splitlines()


def is_notice(line: str) -> bool:
    """Whether a line says that kernels are compiled."""
    return line.startswith("compiling the kernels for this processor, once: about ")


def contents(folder: Path) -> dict[Path, bytes]:
    """The files below a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*.nb?"))}


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a process has kept its machine code, which it said once."""
    folder = tmp_path_factory.mktemp("compiled")
    (line,) = logged(folder)
    assert is_notice(line)
    return folder


def test_a_second_process_compiles_nothing(compiled: Path) -> None:
    """Nor does it say so, or write."""
    before = contents(compiled)
    assert before

    assert [] == logged(compiled)
    assert before == contents(compiled)


def test_each_kind_of_processor_has_a_folder_of_its_own(compiled: Path, tmp_path: Path) -> None:
    """So machines of several kinds can share a volume."""
    folder = shutil.copytree(compiled, tmp_path / "cache")
    other = "cortex-a53" if "neon" in features else "generic"  # an emulated ARM is generic itself

    (notice,) = logged(folder, NUMBA_CPU_NAME=other)
    assert is_notice(notice)
    assert 2 == len(list(folder.iterdir()))
    assert [] == logged(folder)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"], ids=["index", "machine code"])
@pytest.mark.parametrize("size", [0, 100])
def test_a_truncated_file_is_made_anew(
    compiled: Path, tmp_path: Path, suffix: str, size: int
) -> None:
    """As a machine leaves it whose power failed."""
    folder = shutil.copytree(compiled, tmp_path / "cache")
    (file,) = folder.rglob(f"*.{suffix}")
    whole = file.read_bytes()
    file.write_bytes(whole[:size])

    warning, notice = logged(folder)
    assert f"the machine code in {file.parent} is corrupt, and made anew: " in warning
    assert is_notice(notice)
    assert [] == logged(folder)


def test_machine_code_of_another_signature_is_made_anew(compiled: Path, tmp_path: Path) -> None:
    """Two processes that write at once may number their files alike."""
    folder = shutil.copytree(compiled, tmp_path / "cache")
    (notice,) = logged(folder, "float64")
    assert is_notice(notice)
    single, double = sorted(folder.rglob("*.nbc"))
    shutil.copy(single, double)

    warning, notice = logged(folder, "float32", "float64")
    assert "corrupt, and made anew: it is of another signature" in warning
    assert is_notice(notice)


def test_a_folder_that_cannot_be_written_is_replaced(tmp_path: Path) -> None:
    """By the one that would be used without the variable."""
    (tmp_path / "file").write_text("")
    folder = tmp_path / "file" / "cache"

    (warning, *others) = logged(folder)
    assert f"NUMBA_CACHE_DIR, {folder}, cannot be written: compiled kernels are kept in " in warning
    assert all(map(is_notice, others))
