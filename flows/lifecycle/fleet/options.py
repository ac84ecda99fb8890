"""The options of a row: by dotted names, or in nested mappings; texts are read as a command line's are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args, get_origin

from flows.exceptions import BadModels
from flows.parameters import RetrainOptions, Section
from flows.parameters.given import addresses, texts
from flows.storage.canonical import strict_json

not_given = "not given"  # as on a command line: no value, where there is one by default
of_the_fleet = ("store", "single_writer", "engine")


def _fields() -> Iterator[tuple[str, Any, str]]:
    """Name, type and meaning of each option."""
    for name, field in RetrainOptions.model_fields.items():
        section, extra = field.annotation, field.json_schema_extra
        if isinstance(section, type) and issubclass(section, Section):
            for inner, part in section.model_fields.items():
                yield f"{name}.{inner}", part.annotation, part.description or ""
        else:
            yield name, section, str(extra["description"]) if isinstance(extra, dict) else ""


def _takes_several(kind: Any) -> bool:
    return get_origin(kind) in {tuple, list} or any(map(_takes_several, get_args(kind)))


meanings = {name: meaning for name, _, meaning in _fields()}
sections = {name.partition(".")[0] for name in meanings if "." in name}
flags = {name for name, kind, _ in _fields() if kind is bool}
several = {name for name, kind, _ in _fields() if _takes_several(kind)}


def nested(given: Mapping[Any, Any], *, is_text: bool) -> dict[str, Any]:
    """Options by section, each once; what is None was not given. `BadModels` for an unknown one."""
    found: dict[str, Any] = {}
    for name, value in _flat(given, is_text=is_text):
        if name not in meanings:
            raise BadModels(_unknown(name))
        if isinstance(value, bool) and name not in flags:  # which pydantic takes for 0 and 1
            raise BadModels(f"{name}: expected no true or false, found {value}")
        section, _, inner = name.rpartition(".")
        place = found.setdefault(section, {}) if section else found
        if inner in place:
            raise BadModels(f"{name} is given twice: keep one")
        place[inner] = value
    return found


def merged(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Options of all models, and those of one, which count where both have one."""
    found = dict(shared)
    for name, value in own.items():
        found[name] = {**found.get(name, {}), **value} if name in sections else value
    return found


def _flat(given: Mapping[Any, Any], *, is_text: bool) -> Iterator[tuple[str, Any]]:
    """Dotted names and values."""
    for key, cell in given.items():
        name = str(key)
        value = _read(name, cell) if is_text else cell
        if value is None and cell != not_given:
            continue
        if name in sections:
            if not isinstance(value, dict):
                raise BadModels(f"{name}: expected options by name, found {str(value)[:60]!r}")
            yield from (
                (f"{name}.{inner}", part) for inner, part in value.items() if part is not None
            )
        else:
            yield name, value


def _read(name: str, cell: str) -> Any:
    """A text as the value that the command line would take it for."""
    if cell == not_given:
        return None
    if name == "corpus":
        return addresses([cell])
    if name == "sampling.priming":
        return texts([cell])
    if name in sections or (name in several and cell.startswith("[")):
        try:
            return strict_json(cell.encode())
        except ValueError as error:
            raise BadModels(f"{name}: expected JSON, found {cell[:60]!r} ({error})") from None
    return cell.split(",") if name in several else cell


def _unknown(name: str) -> str:
    if name in of_the_fleet:
        return f"{name} is of the whole fleet, not of a model: give it to the command"
    ends = [known for known in meanings if known.endswith(f".{name}")]
    near = ends or get_close_matches(name, meanings, 1)
    return f"unknown option {name[:60]!r}: " + (
        f"did you mean {near[0]}?" if near else "see rnn-retraining retrain --help"
    )
