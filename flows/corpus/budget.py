"""What a corpus may take: bytes that are read and decompressed, and room on a disk."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from flows.exceptions import CorpusError, LimitExceeded


class Budget:
    """Counts the bytes of a whole corpus, as they are read and as they are decompressed.

    Each count may reach `most`; what exceeds it is a `CorpusError`, before it is used.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.bytes_read = 0
        self.bytes_decompressed = 0

    def expect(self, size: int, name: str) -> None:
        """Refuse a file of an announced size that would exceed the budget, before it is read."""
        self._check(self.bytes_read + size, "read", name)

    def read(self, size: int, name: str) -> None:
        """Count `size` bytes of the file `name` as read."""
        self.bytes_read += size
        self._check(self.bytes_read, "read", name)

    def decompressed(self, size: int, name: str) -> None:
        """Count `size` bytes that the file `name` was decompressed to."""
        self.bytes_decompressed += size
        self._check(self.bytes_decompressed, "decompressed", name)

    def _check(self, size: int, done: str, name: str) -> None:
        if size > self.most:
            raise CorpusError(
                f"the corpus exceeds reading.maximum_bytes, {self.most:,} bytes {done}, at {name}:"
                " give fewer or smaller files, or raise reading.maximum_bytes"
            )


def check_room(sizes: Iterable[int | None], folder: Path) -> None:
    """Refuse to write files of `sizes` to `folder` if its disk has not the room for them.

    A size that is not known counts as nothing; a folder may still have to be made.
    """
    needed = sum(size or 0 for size in sizes)
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise LimitExceeded(
            f"the corpus needs {needed:,} bytes on the disk of {folder}, which has {free:,} free:"
            " make room there, or give a smaller corpus"
        )
