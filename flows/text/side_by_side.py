"""The files of a corpus scanned and encoded side by side, with all that comes of them in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from operator import itemgetter
from shutil import copyfileobj
from threading import Event
from typing import BinaryIO, TypeVar

import numpy as np

from flows.text.ahead import ahead, groups, in_order
from flows.text.encoding import Encoder
from flows.text.scanning import ScannedFile, Scanner
from flows.text.spares import Spares
from flows.text.vocabulary import TokenArray, Unit, Vocabulary

Pieces = Iterable[bytes | memoryview]
Found = TypeVar("Found")
groups_ahead = 4  # of files, for each thread: their results wait for those of files before
most_together = 32  # files that a thread reads before the next does: each may be small
encoded_whole = 1 << 20  # characters of a file whose tokens wait in memory


class Lanes:
    """Threads that read some of `files` each; `stop` is set when they are to end, which their
    readers look at.
    """

    def __init__(self, threads: int = 1, files: int = 1, stop: Event | None = None) -> None:
        self.count = max(1, min(threads, files))
        self.together = max(1, min(most_together, files // (groups_ahead * self.count)))
        self.at_once = groups_ahead * self.count
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

    `temporary` makes files for blocks, until they are added to `blocks`.
    """

    def scan(some: Iterable[tuple[str, Pieces]], sink: BinaryIO) -> Iterator[ScannedFile]:
        with scanners.taken() as scanner:
            for name, pieces in some:
                yield scanner.scan(pieces, name, sink)

    if lanes.count == 1:
        yield from scan(files, blocks)
        return

    def submitted(some: Iterable[tuple[str, Pieces]]) -> tuple[BinaryIO, Future[list[ScannedFile]]]:
        sink = temporary()
        return sink, lanes.submit(lambda: list(scan(some, sink)))

    with lanes.opened():
        calls = map(submitted, groups(files, lanes.together))
        for own, found in in_order(calls, lanes.at_once, lambda: None):
            with own:
                own.seek(0)
                copyfileobj(own, blocks)
            yield from found


def counts_of(scanners: Spares[Scanner], unit: Unit) -> Scanner:
    """A scanner that has counted what all of them have."""
    whole = Scanner(unit)
    for scanner in scanners.all:
        found = np.flatnonzero(scanner.counts)  # few: the rest of the memory is not touched
        whole.counts[found] += scanner.counts[found]
    return whole


def encode_all(
    files: Iterable[tuple[int, Pieces]], vocabulary: Vocabulary, lanes: Lanes
) -> Iterator[TokenArray]:
    """Tokens of files, each its length in characters and its pieces, as of `Encoder.encode`.

    Large ones are read one after the other, a piece ahead.
    """
    encoders = Spares(lambda: Encoder(vocabulary))

    def encoded(some: Iterable[tuple[int, Pieces]]) -> Iterator[TokenArray]:
        with encoders.taken() as encoder:
            for _, pieces in some:
                yield from encoder.encode(pieces)

    if lanes.count == 1:
        yield from encoded(files)
        return

    def kept(some: list[tuple[int, Pieces]]) -> list[TokenArray]:
        return [] if is_large(some) else [part.copy() for part in encoded(some)]

    with lanes.opened():
        small = groups(files, encoded_whole, itemgetter(0))
        calls = ((some, lanes.submit(kept, some)) for some in small)
        for some, tokens in in_order(calls, lanes.at_once, lambda: None):
            yield from tokens
            if is_large(some):
                yield from ahead(part.copy() for part in encoded(some))


def is_large(some: list[tuple[int, Pieces]]) -> bool:
    """Whether those are a file whose tokens would take too much memory."""
    return some[0][0] > encoded_whole
