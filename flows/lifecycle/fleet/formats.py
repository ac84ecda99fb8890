"""A table of models as rows, from YAML, JSON, CSV or Parquet; nothing in the file is run or expanded."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml

from flows.corpus.tables.kinds import compressions
from flows.exceptions import BadModels
from flows.lifecycle.fleet.files import RawRow, TableFile, what
from flows.storage import bounds
from flows.storage.canonical import strict_json

defaults = "defaults"  # in the place of a model's name: the row whose options all others have
most_depth = 20  # of lists and mappings in YAML
most_reason = 300  # characters
YamlLoader: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # ten times as fast, where it is built


def rows_of(table: TableFile) -> list[RawRow]:
    """The rows of a table, that of the defaults among them; `BadModels` where there is none."""
    kind, parse = _kind(table)
    try:
        rows = list(parse(table.data))
    except (ValueError, OverflowError, RecursionError, csv.Error, yaml.YAMLError, OSError) as error:
        reason = " ".join(str(error).split())[:most_reason] or "nested too deeply"
        raise BadModels(f"the {what} {table.name} cannot be read as {kind}: {reason}") from None
    if not any(row.given.get("model") != defaults for row in rows):
        raise BadModels(f"the {what} {table.name} has no rows: write one for each model")
    if len(rows) > bounds.models:
        raise BadModels(
            f"the {what} {table.name} has {len(rows):,} rows, at most {bounds.models:,} are read:"
            " divide it, and start a fleet for each part"
        )
    return rows


def _kind(table: TableFile) -> tuple[str, Callable[[bytes], Iterator[RawRow]]]:
    """What the file is, by its first bytes and by its name."""
    if table.data.startswith(b"PAR1"):
        from flows.lifecycle.fleet.parquet import parquet_rows  # pyarrow takes 40 MB

        return "Parquet", parquet_rows
    bare = table.name.lower()
    for ending in compressions:
        bare = bare.removesuffix(ending)
    if bare.endswith(".csv"):
        return "CSV", _csv
    if bare.endswith(".parquet"):
        raise BadModels(f"the {what} {table.name} is no Parquet file: write it again")
    if bare.endswith((".yaml", ".yml")):
        return "YAML", _yaml
    start = table.data.removeprefix(b"\xef\xbb\xbf").lstrip()
    if bare.endswith(".json") or start.startswith((b"[", b"{")):
        return "JSON", _json
    return "YAML", _yaml


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"0x{data[error.start]:02x}"
        raise ValueError(f"it is not UTF-8 at byte offset {error.start:,} ({found})") from None


def _json(data: bytes) -> Iterator[RawRow]:
    return _listed(strict_json(_text(data).encode()))


def _yaml(data: bytes) -> Iterator[RawRow]:
    text = _text(data)
    depth = 0
    for event in yaml.parse(text, Loader=YamlLoader):
        if isinstance(event, yaml.AliasEvent):
            line = event.start_mark.line + 1
            raise ValueError(f"line {line} has an alias, *{event.anchor}: write {defaults} instead")  # noqa: TRY004
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > most_depth:
            raise ValueError("nested too deeply")
    return _listed(yaml.load(text, Loader=_StrictLoader))  # noqa: S506 - a safe loader


class _StrictLoader(YamlLoader):  # type: ignore[misc]
    """PyYAML's safe loader, which would take the last of two keys."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        """A mapping, each key once."""
        seen = set()
        for key, _ in node.value:
            if (name := str(key.value)) in seen:
                raise ValueError(
                    f"line {key.start_mark.line + 1}: the key {name[:60]!r} occurs twice"
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


# As YAML 1.2 has it: `off`, `no` and `y` are words, and values of options.
of_flags = "tag:yaml.org,2002:bool"
_StrictLoader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != of_flags]
    for first, pairs in YamlLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    of_flags, re.compile("true|True|TRUE|false|False|FALSE"), list("tTfF")
)


def _listed(content: Any) -> Iterator[RawRow]:
    """The rows of a list, or of a mapping with `models`, a list, and `defaults`."""
    rows = [] if content is None else content
    if isinstance(content, dict):
        if unknown := [key for key in content if key not in {defaults, "models"}]:
            raise ValueError(f"it has {str(unknown[0])[:60]!r}, expected models and {defaults}")
        rows = [] if content.get("models") is None else content["models"]
        if (shared := content.get(defaults)) is not None:
            yield RawRow(
                f"the {defaults}", {**_mapping(shared, f"the {defaults}"), "model": defaults}
            )
    if not isinstance(rows, list):
        raise ValueError("expected a list of models, or a mapping with the list as models")  # noqa: TRY004
    for number, row in enumerate(rows, 1):
        yield RawRow(f"row {number}", _mapping(row, f"row {number}"))


def _mapping(row: Any, place: str) -> dict[Any, Any]:
    if not isinstance(row, dict):
        found = str(row)[:60]
        raise ValueError(f"{place} is {found!r}, expected a mapping of options")  # noqa: TRY004
    return row


def _csv(data: bytes) -> Iterator[RawRow]:
    reader = csv.reader(io.StringIO(_text(data), newline=""), strict=True)
    header: list[str] = []
    line = 1
    for row in reader:
        place, line = f"line {line}", reader.line_num + 1
        if not any(cell.strip() for cell in row):
            continue
        if not header:
            header = _header([cell.strip() for cell in row])
        elif len(row) != len(header):
            raise ValueError(f"{place} has {len(row)} cells, expected {len(header)}, as line 1 has")
        else:
            cells = zip(header, row, strict=True)
            yield RawRow(place, {name: cell for name, cell in cells if cell}, is_text=True)


def _header(names: list[str]) -> list[str]:
    if "model" not in names:
        shown = ", ".join(names)[:100]
        raise ValueError(
            f"it has no column model, but {shown!r}: name the columns in the first line, with commas"
            " between them"
        )
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"it has the column {twice!r} twice: keep one")
    return names
