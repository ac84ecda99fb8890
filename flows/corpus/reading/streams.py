"""The stored bytes of a file, in pieces, from wherever it is; a connection that breaks is renewed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Protocol

from fsspec.implementations.local import LocalFileSystem

from flows.corpus.files import SourceFile, unreadable
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.filesystem_files import FilesystemFile
from flows.corpus.reading.http import TimedOut
from flows.corpus.reading.local_files import local_pieces
from flows.corpus.reading.states import changed
from flows.exceptions import CorpusError
from flows.storage.failures import causes, is_transient

tries = 2  # in a row that bring no byte
pause = 1.0  # seconds between tries
# Of backends: a connection that ended early. By name, since their packages may not be installed.
cut = {"ClientPayloadError", "ResponseStreamingError", "IncompleteRead", "EOFError", "SSHException"}

timeouts = {"ConnectTimeoutError", "ReadTimeoutError"}  # of botocore


class Connection(Protocol):
    """One file at a backend, which may have to be opened several times."""

    def open(self, at: int) -> int:
        """Open it anew to read from `at`; where the next piece begins: there, or at 0."""

    def read(self) -> bytes:
        """The next piece; nothing at the end, if all that the backend says of the file is true."""

    def close(self) -> None:
        """Close it."""


def raw_pieces(file: SourceFile, budget: Budget) -> Iterator[bytes]:
    """The stored bytes of `file` in pieces of at most about 1 MiB, counted against the budget.

    Raises `CorpusError`: a transient one where a server answers soon that it cannot serve now, but
    after a timeout or in the middle of a file this has tried again already.
    """
    if isinstance(file.filesystem, LocalFileSystem):
        pieces = local_pieces(file, budget)
    else:
        pieces = _renewed(file, connection(file, budget))
    for piece in pieces:
        budget.read(len(piece), file.url)
        yield piece


def connection(file: SourceFile, budget: Budget) -> Connection:
    """The way to read a file that fits its filesystem."""
    protocols = file.filesystem.protocol
    protocol = protocols if isinstance(protocols, str) else protocols[0]
    if protocol == "http":
        from flows.corpus.reading.downloads import Download

        return Download(file, budget)
    if protocol == "s3":
        from flows.corpus.reading.s3_objects import S3Object

        return S3Object(file, budget)
    if protocol == "sftp":
        from flows.corpus.reading.sftp_files import SftpFile

        return SftpFile(file)
    return FilesystemFile(file)


def _renewed(file: SourceFile, source: Connection) -> Iterator[bytes]:
    """All pieces, through as many connections as it takes while each brings something new."""
    whole, done, failures = hashlib.sha256(), 0, 0
    while True:
        before = done
        try:
            for piece in _from(file, source, done, whole):
                whole.update(piece)
                done += len(piece)
                yield piece
        except Exception as error:  # backends raise of all kinds
            failures = 1 if done > before else failures + 1
            again = failures < tries and _may_recover(error)
            problem = unreadable(file.url, error)
            if done or any(map(_timed_out, causes(error))):
                problem = CorpusError(str(problem))  # so its task is not tried again as well
        else:
            return
        finally:
            with suppress(Exception):  # what has failed may fail to close, too
                source.close()
        if not again:
            raise problem
        time.sleep(pause)


def _from(file: SourceFile, source: Connection, done: int, whole: Any) -> Iterator[bytes]:
    """The pieces from `done` on; those before that are read again must be as they were."""
    at = source.open(done)
    repeated = hashlib.sha256()
    while piece := source.read():
        if known := piece[: max(0, done - at)]:
            repeated.update(known)
        at += len(piece)
        if known and at >= done and repeated.digest() != whole.digest():
            raise changed(file.url)
        if len(piece) > len(known):
            yield piece[len(known) :]
    if at < done:
        raise changed(file.url)


def _timed_out(error: BaseException) -> bool:
    return isinstance(error, (TimeoutError, TimedOut)) or type(error).__name__ in timeouts


def _may_recover(error: Exception) -> bool:
    if isinstance(error, CorpusError):
        return False
    return is_transient(error) or any(type(cause).__name__ in cut for cause in causes(error))
