"""The column of a CSV or TSV file; quotes are checked as the bytes pass, since readers guess."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from flows.corpus.columns import Problem, growing, missing, refused
from flows.corpus.quotes import CheckedQuotes
from flows.corpus.table_kinds import TableFile

most_header = 1 << 20  # bytes
most_columns = 10_000
names = {",": "CSV", "\t": "TSV"}
other_delimiters = {";": "semicolons", "\t": "tabs", "|": "bars", ",": "commas"}


def columns(path: TableFile, name: str, delimiter: str) -> list[str]:
    """The columns of the table, as its first row names them."""
    with path.open("rb") as stream, refused(name, names[delimiter]):
        head = stream.read(most_header).removeprefix(codecs.BOM_UTF8)
        lines = io.StringIO(head.decode("utf-8", "surrogateescape"), newline="")
        found = next((row for row in csv.reader(lines, delimiter=delimiter) if row), [])
        delimiter.join(found).encode("utf-8", "surrogateescape").decode()  # these have to be UTF-8
        if not found:
            raise Problem("it has no first row with the names of columns: write one")
        if len(found) > most_columns:
            raise Problem(
                f"it has {len(found):,} columns, at most {most_columns:,} are read: leave some out"
            )
        return found


def arrays(path: TableFile, name: str, column: str, delimiter: str) -> Iterator[Any]:
    """The rows of `column`; an empty cell without quotes is null."""
    found = columns(path, name, delimiter)
    if column not in found:
        raise missing(name, column, found, _advice(found, delimiter))
    with refused(name, names[delimiter]):
        if found.count(column) > 1:
            raise Problem(f"it has {found.count(column)} columns {column!r}: rename one")
        yield from growing(lambda block: _read(path, column, delimiter, block))


def _advice(found: list[str], delimiter: str) -> str:
    """What to do where one column was found, since others are separated in another way."""
    others = (other for other in other_delimiters if other != delimiter and other in found[0])
    if len(found) > 1 or not (other := next(others, "")):
        return ""
    return (
        f"columns are separated by {other_delimiters[delimiter]} here, and these look separated by"
        f" {other_delimiters[other]}: convert it"
    )


def _read(path: TableFile, column: str, delimiter: str, block: int) -> Iterator[Any]:
    with path.open("rb") as stream:
        reader = pa_csv.open_csv(
            CheckedQuotes(stream, delimiter),
            read_options=pa_csv.ReadOptions(block_size=block, use_threads=False),
            parse_options=pa_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                include_columns=[column],
                column_types={column: pa.binary()},  # strings are checked later, with their rows
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
        for batch in reader:
            yield batch.column(0)
