"""The machine of a run: results are bit-identical on one kind of processor and set of libraries."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

named_libraries = ("rnn-retraining", "numpy", "numba", "llvmlite")


@cache
def cpu_model() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or platform.machine())


@cache
def library_versions() -> dict[str, str]:
    """Versions of what decides the bytes of a result."""
    versions = {name: version(name) for name in named_libraries}
    return {"python": platform.python_version(), **versions}


def differences(cpu: str, versions: dict[str, str]) -> list[str]:
    """How the machine that wrote a record differs from this one, in words for people."""
    here = library_versions()
    found = [] if cpu == cpu_model() else [f"processor {cpu} then, {cpu_model()} now"]
    found += [
        f"{name} {versions[name]} then, {here.get(name, 'absent')} now"
        for name in sorted(versions)
        if versions[name] != here.get(name)
    ]
    return found
