"""A file at any filesystem of fsspec that has no better way of its own, a member of an archive too."""

from __future__ import annotations

from typing import Any

from flows.corpus.files import SourceFile
from flows.corpus.reading.states import State, changed, state_of

piece_size = 2**20  # bytes
block_size = 8 * 2**20  # bytes that one request asks for: two blocks are in memory


class FilesystemFile:
    """Such a file, which has to be the same from the first opening to the end."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._stream: Any = None
        self._before: list[State] | None = None

    def open(self, at: int) -> int:
        states = self._states()
        if self._before is not None and self._before != states:
            raise changed(self._file.url)
        self._before = states
        self._stream = self._file.filesystem.open(
            self._file.path, "rb", block_size=block_size, cache_type="readahead"
        )
        return int(self._stream.seek(at)) if at else 0

    def read(self) -> bytes:
        piece = bytes(self._stream.read(piece_size))
        if not piece and self._states() != self._before:
            raise changed(self._file.url)
        return piece

    def close(self) -> None:
        if self._stream:
            self._stream.close()

    def _states(self) -> list[State]:
        """The state of the file, and of the archive that it is in."""
        places = [(self._file.filesystem, self._file.path)]
        archive: Any = getattr(self._file.filesystem, "fo", None)
        if hasattr(archive, "fs") and hasattr(archive, "path"):
            places.append((archive.fs, archive.path))
        return [state_of(*place) for place in places]
