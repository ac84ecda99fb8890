"""A column of a table as text: Parquet, CSV, TSV and JSON Lines, in flat memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.corpus import delimited, json_lines, parquet_tables
from flows.corpus.columns import listed
from flows.corpus.table_kinds import Nulls, TableFile, TableKind, table_kind
from flows.exceptions import CorpusError
from flows.text.kinds import check_is_text, head_size

delimiters = {"CSV": ",", "TSV": "\t"}


def refuse_table(path: TableFile, name: str) -> None:
    """Refuse a table of which no column was named: it would be learned as text."""
    if kind := table_kind(_head(path), name):
        raise CorpusError(
            f"{name} is a table ({kind}) with the columns {listed(columns_of(path, name))}: give the"
            " one with the text as reading.corpus_column"
        )


def columns_of(path: TableFile, name: str) -> list[str]:
    """The columns of a table; those of JSON Lines are the keys of the first row."""
    kind = _kind(path, name)
    if kind == "Parquet":
        return parquet_tables.columns(path, name)
    if kind == "JSON Lines":
        return json_lines.columns(path, name)
    return delimited.columns(path, name, delimiters[kind])


def column_pieces(
    path: TableFile, name: str, column: str, separator: str, nulls: Nulls
) -> Iterator[bytes]:
    """The texts of a column in UTF-8, with `separator` after each row; nulls are counted instead.

    `path` is a local file, not compressed; `name` is what people call it. CSV and JSON Lines have to
    be UTF-8. Raises `CorpusError` for what cannot be read as such a column.
    """
    rows = 0
    for array in _arrays(path, name, column):
        nulls.count += array.null_count
        texts = _texts(array, name, column, rows)
        rows += len(array)
        if len(texts):
            yield _joined(texts, separator)


def _arrays(path: TableFile, name: str, column: str) -> Iterator[Any]:
    kind = _kind(path, name)
    if kind == "Parquet":
        return parquet_tables.arrays(path, name, column)
    if kind == "JSON Lines":
        return json_lines.arrays(path, name, column)
    return delimited.arrays(path, name, column, delimiters[kind])


def _kind(path: TableFile, name: str) -> TableKind:
    """What table a file is, where it has to be one."""
    kind = table_kind(_head(path), name)
    if kind == "Parquet":
        return kind
    head = _head(path)
    check_is_text(head, name)
    if kind:
        return kind
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith((b"{", b"[")):
        return "JSON Lines"
    first_row = start.partition(b"\n")[0]
    return "TSV" if b"\t" in first_row and b"," not in first_row else "CSV"


def _head(path: TableFile) -> bytes:
    with path.open("rb") as stream:
        return stream.read(head_size)


def _texts(array: Any, name: str, column: str, before: int) -> Any:
    """An array of strings of any form as one of valid UTF-8, without nulls; `before` rows passed."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    texts = array.cast(pa.large_binary())
    try:
        return texts.drop_null().cast(pa.large_string())
    except pa.ArrowInvalid:
        for number, text in enumerate(texts, before + 1):
            _check(text.as_py(), name, column, number)
        raise


def _check(text: bytes | None, name: str, column: str, row: int) -> None:
    try:
        (text or b"").decode()
    except UnicodeDecodeError as error:
        raise CorpusError(
            f"{name}, column {column!r}, is not utf-8: {error.reason} at byte {error.start + 1:,}"
            f" (0x{error.object[error.start]:02x}) of row {row:,}: convert the table"
        ) from error


def _joined(texts: Any, separator: str) -> bytes:
    """The rows one after the other, `separator` after each."""
    ended = pc.binary_join_element_wise(
        texts, pa.scalar("", pa.large_string()), pa.scalar(separator, pa.large_string())
    )
    _, ends, data = ended.buffers()
    places = np.frombuffer(ends, np.int64)[ended.offset :]
    start, end = int(places[0]), int(places[len(ended)])
    joined: bytes = data.slice(start, end - start).to_pybytes() if data else b""
    return joined
