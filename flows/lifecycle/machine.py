"""The machine of a run: results are bit-identical on one kind of processor and set of libraries."""

from __future__ import annotations

import platform
import re
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


@cache
def code_commit(root: Path = Path(__file__).parents[2]) -> str | None:
    """The git commit of this program's code; None where that is no clone."""
    try:
        folder = root / ".git"
        if folder.is_file():  # of a work tree beside the clone
            folder = root / folder.read_text().removeprefix("gitdir:").strip()
        head = (folder / "HEAD").read_text().strip()
        if (name := head.removeprefix("ref:").strip()) == head:
            return _as_commit(head)
        shared = folder / "commondir"
        common = folder / shared.read_text().strip() if shared.is_file() else folder
        if (file := common / name).is_file():
            return _as_commit(file.read_text().strip())
        lines = (common / "packed-refs").read_text().splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next(
        (_as_commit(line[: -len(name)].strip()) for line in lines if line.endswith(f" {name}")),
        None,
    )


def _as_commit(text: str) -> str | None:
    return text if re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", text) else None


def arithmetic_of(record: CheckpointRecord, options: Hyperparameters) -> Arithmetic:
    """The order of additions that a run goes on with: its own, so that its bytes stay the same.

    A processor whose registers are too small for its vectors uses its own.
    """
    return fitting(record.arithmetic or Arithmetic.of_first_version(options), options)


def fitting(kept: Arithmetic, options: Hyperparameters) -> Arithmetic:
    """That order of additions, or the nearest that this processor has."""
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
