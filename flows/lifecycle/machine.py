"""The machine of a run: results are bit-identical on one kind of processor and set of libraries."""

from __future__ import annotations

import platform
from dataclasses import replace
from functools import cache
from importlib.metadata import version
from pathlib import Path

from flows.storage.checkpoints import CheckpointRecord
from rnncore import Arithmetic, Hyperparameters

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


def arithmetic_of(record: CheckpointRecord, options: Hyperparameters) -> Arithmetic:
    """The order of additions that a run goes on with: its own, so that its bytes stay the same.

    A processor whose registers are too small for its vectors uses its own.
    """
    kept = record.arithmetic or Arithmetic.of_first_version(options)
    return kept if kept.fits(options) else replace(kept, lanes=Arithmetic.fastest(options).lanes)


def differences(record: CheckpointRecord, options: Hyperparameters) -> list[str]:
    """How the machine that wrote a record differs from this one, in words for people."""
    cpu, versions, here = record.cpu, record.versions, library_versions()
    found = [] if cpu == cpu_model() else [f"processor {cpu} then, {cpu_model()} now"]
    now = arithmetic_of(record, options)
    if record.arithmetic and record.arithmetic != now:
        found.append(f"vectors of {record.arithmetic.lanes} floats then, {now.lanes} now")
    found += [
        f"{name} {versions[name]} then, {here.get(name, 'absent')} now"
        for name in sorted(versions)
        if versions[name] != here.get(name)
    ]
    return found
