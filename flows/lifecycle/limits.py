"""Limits: the memory of the machine or its container, free disk, and what the operator allows."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from flows.exceptions import LimitExceeded
from flows.lifecycle.estimates import Estimate
from flows.lifecycle.schedule import operations_per_second
from flows.storage.copies import cache_folder
from flows.storage.stores import Store

default_files = 100_000
default_hours = 168.0
long_hours = 1  # of which a run warns before it starts
logger = logging.getLogger(__name__)


class Limits(NamedTuple):
    """The most that a run may take, and the folder that it writes to."""

    memory: int  # bytes
    disk: int  # bytes
    free_files: int  # of the file system
    files: int
    hours: float
    folder: Path

    def describe(self, found: Estimate) -> str:
        """An estimate beside these limits, in words."""
        return (
            f"{_megabytes(found.memory)} of memory ({_megabytes(self.memory)} at most),"
            f" {_megabytes(found.disk)} on disk ({_megabytes(self.disk)} free),"
            f" {found.files:,} files ({self.files:,} at most),"
            f" {found.hours:,.1f} hours ({self.hours:,g} at most)"
        )

    def check(self, found: Estimate) -> None:
        """Raise `LimitExceeded` for an estimate above one of these limits.

        `StoreError` for an object that could not be read back. A long run is logged.
        """
        if found.memory > self.memory:
            raise LimitExceeded(
                f"the run needs about {_megabytes(found.memory)} of memory, this machine or its"
                f" container has {_megabytes(self.memory)}: make hidden_size, batch_size, seq_length"
                " or the samples smaller"
            )
        if found.files > min(self.files, self.free_files):
            free = self.free_files < self.files
            limit = f"{self.folder} has room for" if free else "RNN_MAXIMUM_FILES allows"
            raise LimitExceeded(
                f"the run writes about {found.files:,} files, {limit}"
                f" {min(self.files, self.free_files):,}: make checkpoint_every larger or epochs"
                f" smaller{'' if free else ', or set RNN_MAXIMUM_FILES'}"
            )
        if found.disk > self.disk:
            raise LimitExceeded(
                f"the run writes about {_megabytes(found.disk)}, {self.folder} has"
                f" {_megabytes(self.disk)} free: make room, checkpoint_every larger, or the samples"
                " smaller"
            )
        if found.hours > self.hours:
            raise LimitExceeded(
                f"the run takes about {found.hours:,.0f} hours at {operations_per_second:.0e}"
                f" operations per second, RNN_MAXIMUM_HOURS allows {self.hours:,g}: make epochs, the"
                " network or the samples smaller, or set RNN_MAXIMUM_HOURS"
            )
        for planned in found.objects:
            planned.check()
        if found.hours > long_hours:
            logger.warning(
                "the run takes about %.1f hours at %.0e operations per second",
                found.hours,
                operations_per_second,
            )


def limits_of(store: Store) -> Limits:
    """The limits of a run that writes to `store`, or to the local cache of a remote one."""
    file = store.local_file(".") or cache_folder()
    above = file, *file.absolute().parents
    folder = next(path for path in above if os.path.isdir(path))  # noqa: PTH112 - never raises
    disk = os.statvfs(folder)
    return Limits(
        memory=memory_limit(),
        disk=disk.f_bavail * disk.f_frsize if disk.f_blocks else sys.maxsize,  # /proc has no size
        free_files=disk.f_favail if disk.f_files else default_files,  # some count no files
        files=int(_setting("RNN_MAXIMUM_FILES", default_files)),
        hours=_setting("RNN_MAXIMUM_HOURS", default_hours),
        folder=folder,
    )


def memory_limit(root: Path = Path("/")) -> int:
    """Bytes of memory that this process may use: the machine's, or less in a control group."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_control_group_limits(root)])


def _control_group_limits(root: Path) -> Iterator[int]:
    """The limits of this process's control groups and of those around them, versions 2 and 1.

    In a container the path may be as the host sees it; then only the mounted folder exists.
    """
    groups = ""
    with suppress(OSError):
        groups = (root / "proc/self/cgroup").read_text()
    for line in groups.splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            mounted, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            mounted, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        group = mounted / path.lstrip("/")
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):  # no such file, or "max"
                yield int((folder / name).read_text())
            if folder == mounted:
                break


def _setting(name: str, default: float) -> float:
    """A number above 0 from the environment."""
    text = os.environ.get(name) or str(default)
    with suppress(ValueError, OverflowError):
        if 0 < (number := float(text)) < float("inf"):
            return number
    raise LimitExceeded(f"the variable {name} is {text!r}: set it to a number above 0, or unset it")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
