"""A file at an SFTP server."""

from __future__ import annotations

from typing import Any

from flows.corpus.files import SourceFile
from flows.corpus.reading import http
from flows.corpus.reading.states import State, changed, state_of

piece_size = 2**20  # bytes: asked for in requests of 32 KiB, all under way at once


class SftpFile:
    """Such a file, which has to be the same from the first opening to the end."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._stream: Any = None
        self._before: State | None = None
        self._at = 0

    def open(self, at: int) -> int:
        filesystem = self._file.filesystem
        if self._before is not None:  # what broke or timed out cannot be used on
            filesystem.client.close()
            filesystem._connect()  # noqa: SLF001 - fsspec has no other way to renew it
        filesystem.ftp.get_channel().settimeout(http.idle_timeout)
        state = self._state()
        if self._before not in {None, state}:
            raise changed(self._file.url)
        self._before = state
        self._stream = filesystem.ftp.open(self._file.path, "rb")
        self._at = at
        return at

    def read(self) -> bytes:
        (piece,) = self._stream.readv([(self._at, piece_size)])
        self._at += len(piece)
        if not piece and self._state() != self._before:
            raise changed(self._file.url)
        return bytes(piece)

    def close(self) -> None:
        if self._stream:
            self._stream.close()

    def _state(self) -> State:
        return state_of(self._file.filesystem, self._file.path)
