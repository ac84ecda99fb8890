"""The opponents at their best: nothing in the environment slows them, and their BLAS is named."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

slowing = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # make OpenBLAS run as on a lesser processor


def start_again_without_slowing() -> None:
    """Replace this process by one without these variables: OpenBLAS reads them when it is loaded."""
    found = [name for name in slowing if name in os.environ]
    if not found:
        return
    print(f"starting again without {' and '.join(found)}, which slow numpy", file=sys.stderr)
    left = {name: value for name, value in os.environ.items() if name not in slowing}
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], left)


def blas_libraries() -> str:
    """Which kernels the BLAS of numpy, and of PyTorch where it is installed, run."""
    from threadpoolctl import threadpool_info

    if find_spec("torch"):
        import torch  # noqa: F401 - loads its libraries
    libraries = [found for found in threadpool_info() if found["user_api"] == "blas"]
    return "; ".join(
        f"{found['internal_api']} {found['version']}, kernels {found.get('architecture', '-')},"
        f" {found['num_threads']} threads"
        for found in libraries
    )
