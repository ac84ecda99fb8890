"""Bytes in temporary files and archives of the local disk: any part can be read, and read again."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from tempfile import TemporaryFile
from typing import BinaryIO, Literal, cast

from flows.corpus.states import changed
from flows.storage.copies import cache_folder
from flows.storage.failures import reason, store_error

piece_size = 2**20  # bytes


class Span(io.RawIOBase):
    """Bytes `start` to `start + size` of an open file, as a file of its own; threads may share it."""

    def __init__(self, place: Place) -> None:
        super().__init__()
        self._place = place
        self._position = 0

    def close(self) -> None:
        """Close the file as well, if nothing else reads it."""
        if self._place.is_own:
            self._place.file.close()
        super().close()

    def readable(self) -> bool:
        """As files are."""
        return True

    def seekable(self) -> bool:
        """As files are."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a position, from the start, from here or from the end."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._place.size}[whence]
        if base + offset < 0:
            raise OSError("before the start of the file")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read what is there, at most the size of `buffer`."""
        place = self._place
        most = max(0, min(len(buffer), place.size - self._position))
        data = os.pread(place.file.fileno(), most, place.start + self._position)
        if most and not data:
            raise EOFError("it ends early")
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def tell(self) -> int:
        """The position."""
        return self._position


@dataclass(frozen=True, slots=True)
class Place:
    """Where bytes are: a part of an open file."""

    file: BinaryIO
    start: int
    size: int
    is_own: bool = False  # whether nothing else reads the file

    def place(self) -> Place:
        """As `LocalArchive` has it."""
        return self

    def facts(self) -> dict[str, object]:
        """As `LocalArchive` has them; a copy does not change."""
        return {}

    def open(self, _: Literal["rb"] = "rb", /) -> BinaryIO:
        """A file of these bytes; as a path has it, with a mode."""
        return cast("BinaryIO", io.BufferedReader(Span(self), piece_size // 16))

    def pieces(self, most: int) -> Iterator[memoryview]:
        """These bytes, at most `most` at a time; each piece is valid until the next is asked for."""
        buffer = memoryview(bytearray(min(most, self.size)))
        done = 0
        while done < self.size:
            size = os.preadv(self.file.fileno(), [buffer[: self.size - done]], self.start + done)
            yield buffer[:size]
            done += size

    def part(self, start: int, size: int) -> Place:
        """Where some of them are."""
        return replace(self, start=self.start + start, size=size)


class LocalArchive:
    """A file of a local disk, which must stay as it was when it was first opened."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: tuple[int, ...] | None = None
        with self.place().file as file:
            self._seen = self._state(file)

    def place(self) -> Place:
        """Where its bytes are."""
        file = open(self._path, "rb")  # noqa: SIM115, PTH123 - closed when nothing reads it
        if self._seen not in {None, self._state(file)}:
            file.close()
            raise changed(self._path)
        return Place(file, 0, os.fstat(file.fileno()).st_size, is_own=True)

    def facts(self) -> dict[str, object]:
        """What tells that it has changed, as fsspec has it."""
        found = os.stat(self._path)  # noqa: PTH116 - of fsspec's paths
        return {"ino": found.st_ino, "mtime": found.st_mtime, "created": found.st_ctime}

    @staticmethod
    def _state(file: BinaryIO) -> tuple[int, ...]:
        found = os.fstat(file.fileno())
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


class Spool:
    """A temporary file without a name: nothing is left behind, whatever ends the process."""

    def __init__(self) -> None:
        self._size = 0
        self._file: BinaryIO | None = None

    def add(self, pieces: Iterable[bytes]) -> Place:
        """Write all `pieces`; where they are."""
        with writing():
            if self._file is None:
                self._file = cast("BinaryIO", TemporaryFile(dir=cache_folder()))  # noqa: SIM115 - kept
            start = self._size
            for piece in pieces:
                self._size += self._file.write(piece)
            self._file.flush()
        return Place(self._file, start, self._size - start)

    def close(self) -> None:
        """Give up the file; what is in it can no longer be read."""
        if self._file:
            self._file.close()


@contextmanager
def writing() -> Iterator[None]:
    """Whatever goes wrong with a temporary file becomes one sentence."""
    try:
        yield
    except OSError as error:
        message = f"cannot write a temporary file in {cache_folder()}: {reason(error)}"
        raise store_error(message, error) from error
