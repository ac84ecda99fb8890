"""The bytes of a file on a local disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from flows.corpus.files import SourceFile, reading
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.states import changed
from flows.exceptions import CorpusError

piece_size = 2**20  # bytes


def local_pieces(file: SourceFile, budget: Budget) -> Iterator[bytes]:
    """All pieces of `file`; `CorpusError` if it is not the same file, unchanged, at the end."""
    before = reading(file.url, lambda: os.stat(file.path))  # noqa: PTH116 - of fsspec's paths
    if not stat.S_ISREG(before.st_mode):  # a pipe would wait for ever
        raise CorpusError(f"the corpus {file.url} is no regular file: give the path of a text")
    budget.expect(before.st_size, file.url, is_local=True)
    opened = reading(file.url, lambda: os.open(file.path, os.O_RDONLY | os.O_CLOEXEC))
    try:
        if _state(os.fstat(opened)) != _state(before):
            raise changed(file.url)
        while piece := reading(file.url, lambda: os.read(opened, piece_size)):
            yield piece
        after = reading(file.url, lambda: os.stat(file.path))  # noqa: PTH116
        if not _state(before) == _state(os.fstat(opened)) == _state(after):
            raise changed(file.url)
    finally:
        os.close(opened)


def _state(found: os.stat_result) -> tuple[int, ...]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
