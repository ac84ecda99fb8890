"""The column of a JSON Lines file: one object a line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

from flows.corpus.columns import Problem, growing, missing, most_block, refused
from flows.corpus.table_kinds import TableFile


def columns(path: TableFile, name: str) -> list[str]:
    """The keys of the first object."""
    return list(_first(path, name))


def arrays(path: TableFile, name: str, column: str) -> Iterator[Any]:
    """The rows of `column`; a row without that key is null."""
    first = _first(path, name)
    parts = [column] if column in first else _parts(first, column)
    rows = nulls = 0
    with refused(name, "JSON Lines"):
        try:
            for array in growing(lambda block: _read(path, parts, block)):
                rows += len(array)
                nulls += array.null_count
                yield array
        except pa.ArrowInvalid as error:
            if problem := _first_problem(path, parts):
                raise Problem(problem) from error
            raise
    if rows == nulls and column not in first:
        raise missing(name, column, list(first))


def _read(path: TableFile, parts: list[str], block: int) -> Iterator[Any]:
    kind = pa.string()
    for part in reversed(parts[1:]):
        kind = pa.struct([(part, kind)])
    with path.open("rb") as stream:
        reader = pa_json.open_json(
            stream,
            read_options=pa_json.ReadOptions(block_size=block, use_threads=False),
            parse_options=pa_json.ParseOptions(
                explicit_schema=pa.schema([(parts[0], kind)]), unexpected_field_behavior="ignore"
            ),
        )
        for batch in reader:
            array = batch.column(0)
            yield pc.struct_field(array, parts[1:]) if parts[1:] else array


def _parts(first: dict[str, Any], column: str) -> list[str]:
    """The keys on the way to a column of an object in the first object; else one key."""
    parts = column.split(".")
    return parts if isinstance(first.get(parts[0]), dict) else [column]


def _first(path: TableFile, name: str) -> dict[str, Any]:
    """The first object."""
    with refused(name, "JSON Lines"):
        for number, row in _rows(path):
            if isinstance(row, dict):
                return row
            raise Problem(f"line {number} is no object: write one object a line")
        raise Problem("it has no rows: give a table with some")


def _rows(path: TableFile) -> Iterator[tuple[int, Any]]:
    """Each line that is not blank, with its number; ValueError for one that is no JSON."""
    number = 0
    with path.open("rb") as stream:
        while line := stream.readline(most_block + 1):
            number += 1
            if len(line) > most_block:
                raise Problem(
                    f"line {number:,} has more than {most_block:,} bytes: write it in parts"
                )
            if line.strip():
                yield number, _parsed(line, number)


def _parsed(line: bytes, number: int) -> Any:
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        return json.loads(text)
    except UnicodeDecodeError as error:
        problem = f"{error.reason} at its byte {error.start + 1:,} (0x{line[error.start]:02x})"
        raise Problem(f"line {number:,} is not UTF-8, {problem}: convert it") from error
    except json.JSONDecodeError as error:
        raise Problem(
            f"line {number:,} is no JSON, {error.msg} at its character {error.pos + 1:,}: write one"
            " object a line"
        ) from error
    except RecursionError:
        raise Problem(f"line {number:,} is nested too deeply: write flat objects") from None


def _first_problem(path: TableFile, parts: list[str]) -> str:
    """What is wrong with the first row that cannot be read: pyarrow counts from its block."""
    try:
        for number, row in _rows(path):
            value: Any = row
            for part in parts:
                if value is not None and not isinstance(value, dict):
                    return f"line {number:,} is no object: write one object a line"
                value = value.get(part) if value else None
            if value is not None and not isinstance(value, str):
                kind = type(value).__name__
                return f"line {number:,} has a value of type {kind} in {parts[-1]!r}, not a string: write strings"
    except ValueError as error:
        return str(error)
    return ""
