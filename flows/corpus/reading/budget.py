"""What a corpus may take: bytes that are read and decompressed, and room on a disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from flows.exceptions import CorpusError, LimitExceeded


class Budget:
    """Counts the bytes of a whole corpus, as they are read and as they are decompressed.

    Each count may reach `most`; what exceeds it is a `CorpusError`, before it is used.
    """

    def __init__(self, most: int, spool: Callable[[], Path] | None = None) -> None:
        self.most = most
        self._spool = spool  # the folder that files from elsewhere are written to
        self.bytes_read = 0
        self.bytes_decompressed = 0
        self.is_exceeded = False
        self._counting = Lock()

    def expect(self, size: int, name: str, *, is_local: bool = False) -> None:
        """Refuse a file of an announced size that would exceed the budget, before it is read.

        Or for which the spool has not the room; local files are read where they are.
        """
        self._check(self.bytes_read + size, "read", name)
        if self._spool and not is_local:
            check_room(size, self._spool())

    def read(self, size: int, name: str) -> None:
        """Count `size` bytes of the file `name` as read."""
        with self._counting:
            self.bytes_read += size
        self._check(self.bytes_read, "read", name)

    def decompressed(self, size: int, name: str) -> None:
        """Count `size` bytes that the file `name` was decompressed to."""
        with self._counting:
            self.bytes_decompressed += size
        self._check(self.bytes_decompressed, "decompressed", name)

    def _check(self, size: int, done: str, name: str) -> None:
        if size > self.most:
            self.is_exceeded = True
            raise CorpusError(
                f"the corpus exceeds reading.maximum_bytes, {self.most:,} bytes {done}, at {name}:"
                " give fewer or smaller files, or raise reading.maximum_bytes"
            )


def check_room(size: int, folder: Path) -> None:
    """Refuse to write so many bytes to `folder`, which may still have to be made, without room."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if size > (free := shutil.disk_usage(place).free):
        raise LimitExceeded(
            f"the corpus needs {size:,} bytes on the disk of {folder}, which has {free:,} free:"
            " make room there, or give a smaller corpus"
        )
