"""The texts of a corpus as bytes of UTF-8 that can be read twice, in flat memory.

A local file that is plain UTF-8 is read where it is. What is remote, compressed, a table, in another
encoding or to be changed is first written to a temporary file without a name, which ends with its
process.
"""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain
from threading import Event, Lock
from typing import TypeVar

import numpy as np
from fsspec.implementations.local import LocalFileSystem
from numpy.typing import NDArray

from flows.corpus.files import SourceFile
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.compression import decompressed, magic
from flows.corpus.reading.spool import Place, Spool
from flows.corpus.reading.streams import raw_pieces
from flows.corpus.tables.kinds import Nulls, table_kind
from flows.exceptions import CorpusError
from flows.parameters import ReadingOptions
from flows.storage.copies import cache_folder
from flows.text.decoding import Problems, to_utf8
from flows.text.encodings import encoding_of
from flows.text.kinds import check_is_text, head_size
from flows.text.scanning import piece_bytes
from flows.text.spares import Spares

Piece = TypeVar("Piece", bytes, memoryview)
Pieces = Iterator[bytes | memoryview]
head_bytes = 1 << 16  # that tell what a file is
as_read = ("strict", "keep", "none")  # errors, newline and normalize of a text as it is


@dataclass
class Text:
    """One file, and what was found in it that a reader of the profile should know."""

    file: SourceFile
    problems: Problems = field(default_factory=Problems)
    nulls: Nulls = field(default_factory=Nulls)
    is_plain: bool = False  # it is read again where it is
    place: Place | None = None  # in the temporary file
    replaced: int = 0  # characters


class Texts:
    """The files of a corpus, in their order; `on_bytes` is told how many more bytes were read."""

    def __init__(
        self,
        files: Sequence[SourceFile],
        encoding: str,
        options: ReadingOptions,
        on_bytes: Callable[[int], None],
    ) -> None:
        self.texts = [Text(file) for file in files]
        self._encoding = encoding
        self._options = options
        self._on_bytes = on_bytes
        self._budget = Budget(options.maximum_bytes, cache_folder)
        self._spools = Spares(Spool)
        self._telling = Lock()
        self.stop = Event()  # readers in other threads end with an error when it is set

    @property
    def names(self) -> list[str]:
        """The address of each file, for people."""
        return [text.file.url for text in self.texts]

    def close(self) -> None:
        """Remove the temporary files."""
        for spool in self._spools.all:
            spool.close()

    @property
    def is_over_budget(self) -> bool:
        """Whether the files had more bytes than they may."""
        return self._budget.is_exceeded

    def start_again(self) -> None:
        """Forget what was read."""
        self.close()
        self.texts = [Text(text.file) for text in self.texts]
        self._budget = Budget(self._options.maximum_bytes, cache_folder)
        self._spools = Spares(Spool)
        self.stop = Event()

    def read(self) -> Iterator[tuple[str, Pieces]]:
        """Name and bytes of each file; several may be read at once, each in a thread of its own.

        What is elsewhere, or is a zip, is copied to this disk first, in the caller's thread: there
        a signal ends it at once.
        """
        for text in self.texts:
            pieces = self._pieces(text) if self._is_elsewhere(text) else self._lazily(text)
            yield text.file.url, iter(pieces)

    @staticmethod
    def _is_elsewhere(text: Text) -> bool:
        filesystem = text.file.filesystem
        is_here = isinstance(filesystem, LocalFileSystem) or filesystem.protocol == "tar"
        return not (text.place or is_here)

    def _lazily(self, text: Text) -> Pieces:
        yield from self._pieces(text)

    def replace(self, characters: str, replacement: str) -> None:
        """Let the texts be read with other characters replaced."""
        is_rare = np.zeros(sys.maxunicode + 1, bool)
        is_rare[[ord(character) for character in characters]] = True
        for text in self.texts:
            with self._spools.taken() as spool:
                text.place = spool.add(self._replaced(text, is_rare, ord(replacement)))

    def _replaced(
        self, text: Text, is_rare: NDArray[np.bool_], replacement: int
    ) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder("utf-8")()
        for piece in self._pieces(text):
            points = np.array(np.frombuffer(decoder.decode(piece).encode("utf-32-le"), np.uint32))
            found = is_rare[points]
            text.replaced += int(np.count_nonzero(found))
            points[found] = replacement
            yield points.tobytes().decode("utf-32-le").encode()

    def _counted(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if self.stop.is_set():
                raise CorpusError("the reading of the corpus was stopped: run it again")
            with self._telling:
                self._on_bytes(len(piece))
            yield piece

    def _pieces(self, text: Text) -> Iterable[bytes | memoryview]:
        if text.place:
            return self._counted(text.place.pieces(piece_bytes))
        budget = Budget(self._budget.most) if text.is_plain else self._budget  # counted once
        head, raw = _headed(self._counted(raw_pieces(text.file, budget)))
        text.is_plain = self._is_plain(text.file, head)
        if text.is_plain:
            return _without_mark(raw) if self._options.unit == "character" else raw
        with self._spools.taken() as spool:
            text.place = spool.add(self._converted(text, raw))
        return text.place.pieces(piece_bytes)

    def _is_plain(self, file: SourceFile, head: bytes) -> bool:
        """Whether the bytes of a file are its text, as far as its first ones tell."""
        options = self._options
        if not isinstance(file.filesystem, LocalFileSystem) or options.corpus_column is not None:
            return False
        if magic.match(head) or table_kind(head, file.url):
            return False
        check_is_text(head[:head_size], file.url)
        if options.unit == "byte":
            return True
        codec = encoding_of(head[:head_size], self._encoding, file.url).codec
        as_it_is = (options.errors, options.newline, options.normalize) == as_read
        return as_it_is and codec == "utf-8"

    def _converted(self, text: Text, raw: Iterable[bytes]) -> Iterator[bytes]:
        """The text of a file, in UTF-8 or as the bytes that it is."""
        name, options = text.file.url, self._options
        head, pieces = _headed(decompressed(raw, name, self._budget))
        if options.corpus_column is not None or table_kind(head, name):
            return self._column(text, head, pieces)
        check_is_text(head[:head_size], name)
        return pieces if options.unit == "byte" else self._in_utf8(text, pieces, self._encoding)

    def _in_utf8(self, text: Text, pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
        options = self._options
        return to_utf8(
            pieces,
            encoding,
            text.file.url,
            errors=options.errors,
            newline=options.newline,
            normalize=options.normalize,
            problems=text.problems,
        )

    def _column(self, text: Text, head: bytes, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The rows of a table's column; a table is a file, of which parts are read at random."""
        from flows.corpus.tables.pieces import column_pieces, refuse_table  # pyarrow takes 40 MB

        name, options = text.file.url, self._options
        if table_kind(head, name) != "Parquet":
            pieces = to_utf8(
                pieces, self._encoding, name, errors=options.errors, problems=text.problems
            )
        column, separator = options.corpus_column, options.corpus_separator
        with closing(Spool()) as spool:  # the other one is being written
            table = spool.add(pieces)
            if column is None:
                refuse_table(table, name)
            else:
                rows = column_pieces(table, name, column, separator, text.nulls)
                yield from (
                    self._in_utf8(text, rows, "utf-8") if options.unit == "character" else rows
                )


def _headed(pieces: Iterable[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, as many as tell what a file is, and all pieces."""
    remaining = iter(pieces)
    first: list[bytes] = []
    while sum(map(len, first)) < head_bytes and (piece := next(remaining, None)) is not None:
        first.append(piece)
    return b"".join(first)[:head_bytes], chain(first, remaining)


def _without_mark(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Pieces without the byte order mark of UTF-8 at their start."""
    head, remaining = _headed(pieces)
    if head.startswith(codecs.BOM_UTF8):
        yield next(remaining)[len(codecs.BOM_UTF8) :]
    yield from remaining
