"""The files of a corpus scanned and encoded side by side, with all that comes of them in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from shutil import copyfileobj
from threading import Event
from typing import BinaryIO, TypeVar

import numpy as np

from flows.text.ahead import ahead, in_order
from flows.text.encoding import Encoder
from flows.text.scanning import ScannedFile, Scanner
from flows.text.spares import Spares
from flows.text.vocabulary import TokenArray, Unit, Vocabulary

Pieces = Iterable[bytes | memoryview]
Found = TypeVar("Found")
files_ahead = 4  # a thread, of which the results wait for those of files before
encoded_whole = 1 << 22  # characters of a file whose tokens wait in memory


class Lanes:
    """Threads that read files; `stop` is set when they are to end, which their readers look at."""

    def __init__(self, threads: int = 1, stop: Event | None = None) -> None:
        self.count = threads
        self._stop = stop or Event()
        self._pool: Executor

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Let calls be submitted; whatever ends the block ends them."""
        with ThreadPoolExecutor(self.count) as self._pool:
            try:
                yield
            except BaseException:
                self._stop.set()
                raise

    def submit(self, function: Callable[..., Found], *arguments: object) -> Future[Found]:
        """Call `function` in one of the threads, in the caller's context, to which logs belong."""
        return self._pool.submit(copy_context().run, function, *arguments)


def scan_all(
    files: Iterable[tuple[str, Pieces]],
    scanners: Spares[Scanner],
    blocks: BinaryIO,
    lanes: Lanes,
    temporary: Callable[[], BinaryIO],
) -> Iterator[ScannedFile]:
    """Scan files, each a name and its pieces; errors are those of the first bad one, in their order.

    `temporary` makes files for the blocks of one, until they are added to `blocks`.
    """

    def scan(name: str, pieces: Pieces, sink: BinaryIO) -> tuple[ScannedFile, BinaryIO]:
        with scanners.taken() as scanner:
            return scanner.scan(pieces, name, sink), sink

    if lanes.count == 1:
        for name, pieces in files:
            yield scan(name, pieces, blocks)[0]
        return
    with lanes.opened():
        calls = ((name, lanes.submit(scan, name, each, temporary())) for name, each in files)
        for _, (found, own) in in_order(calls, files_ahead * lanes.count, lambda: None):
            with own:
                own.seek(0)
                copyfileobj(own, blocks)
            yield found


def counts_of(scanners: Spares[Scanner], unit: Unit) -> Scanner:
    """A scanner that has counted what all of them have."""
    whole = Scanner(unit)
    for scanner in scanners.all:
        whole.counts += scanner.counts
    return whole


def encode_all(
    files: Iterable[tuple[int, Pieces]], vocabulary: Vocabulary, lanes: Lanes
) -> Iterator[TokenArray]:
    """Tokens of files, each its length in characters and its pieces, as of `Encoder.encode`.

    Large ones are read one after the other, a piece ahead.
    """
    encoders = Spares(lambda: Encoder(vocabulary))

    def encoded(pieces: Pieces) -> Iterator[TokenArray]:
        with encoders.taken() as encoder:
            yield from encoder.encode(pieces)

    def whole(pieces: Pieces) -> TokenArray:
        nothing = np.empty(0, vocabulary.dtype)
        return np.concatenate([nothing, *(part.copy() for part in encoded(pieces))])

    def submitted(characters: int, pieces: Pieces) -> tuple[Pieces, Future[TokenArray]]:
        large, small = (pieces, ()) if characters > encoded_whole else ((), pieces)
        return large, lanes.submit(whole, small)

    if lanes.count == 1:
        for _, pieces in files:
            yield from encoded(pieces)
        return
    with lanes.opened():
        calls = (submitted(*file) for file in files)
        for large, tokens in in_order(calls, files_ahead * lanes.count, lambda: None):
            if len(tokens):
                yield tokens
            if large:
                yield from ahead(part.copy() for part in encoded(large))
