"""The bytes of a table of models, from any address that a corpus can have, under the same rules."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from flows.corpus import find_files
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.compression import decompressed
from flows.corpus.reading.streams import raw_pieces
from flows.exceptions import BadModels, CorpusError, CorpusUnavailable
from flows.storage import bounds

what = "table of models"


class TableFile(NamedTuple):
    """A table of models, not parsed yet."""

    name: str  # its address, for people
    data: bytes


class RawRow(NamedTuple):
    """A row as it was written."""

    place: str  # such as "row 3", for people
    given: Mapping[Any, Any]
    is_text: bool = False  # its cells are texts, as those of a command line


def read_table_file(url: str) -> TableFile:
    """The one file that `url` names, decompressed; `BadModels` where it is none, or is too large."""
    with _about_the_table():
        files = find_files(url, unpack=False)
        if len(files) != 1:
            raise BadModels(
                f"the {what} {files[0].url} is one of {len(files):,} files at that address: name one"
            )
        (file,) = files
        budget, data = Budget(sys.maxsize), bytearray()
        for piece in decompressed(raw_pieces(file, budget), file.url, budget):
            data += piece
            if len(data) > bounds.models_table:
                raise BadModels(
                    f"the {what} {file.url} has more than {bounds.models_table:,} bytes, which are the"
                    " most: divide it, and start a fleet for each part"
                )
        return TableFile(file.url, bytes(data))


@contextmanager
def _about_the_table() -> Iterator[None]:
    """What is said of a corpus is said of the table: it is found and read in the same way."""
    try:
        yield
    except CorpusError as error:
        message = str(error).replace("the corpus ", f"the {what} ", 1)
        kind = CorpusUnavailable if isinstance(error, CorpusUnavailable) else BadModels
        raise kind(message) from None  # it keeps nothing of a backend's error
