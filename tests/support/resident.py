"""How much of a file that is mapped is in the memory of this process."""

from __future__ import annotations

from pathlib import Path


def resident_bytes(folder: Path) -> int:
    """Bytes of the first mapped file in a folder that are in memory."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    next(line for line in lines if str(folder) in line)
    return 1024 * int(next(line for line in lines if line.startswith("Rss:")).split()[1])
