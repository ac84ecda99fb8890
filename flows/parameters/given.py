"""Values that people write as text, and what is wrong with one, in words: on a command line, in a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from flows.parameters.flow_parameters import longest_address
from flows.storage.urls import public_url

longest_shown = 200  # characters of a value, in a message


class Wrong(NamedTuple):
    """An option with a value that cannot be."""

    option: str  # its dotted name
    sentence: str  # what was expected, what was found, and what the option means


def first_wrong(error: ValidationError, meanings: Mapping[str, str]) -> Wrong:
    """The first thing that is wrong."""
    # Of a value that may be of several kinds, each kind has an error: what has the right one is meant.
    first = min(error.errors(), key=_likelihood)
    name = ".".join(str(part) for part in first["loc"] if _is_name(part))
    expected = first["msg"][0].lower() + first["msg"][1:]
    meaning = meanings.get(name)
    about = f" ({name}: {meaning[0].lower()}{meaning[1:]})" if meaning else ""
    given = first["input"]
    found = given
    if isinstance(given, str):  # a part of a longer one could end within a password
        found = public_url(given)[:longest_shown] if len(given) <= longest_address else "…"
    return Wrong(name, f"{expected}, found {found!r}{about}")


def addresses(values: Sequence[str]) -> str | list[str]:
    """The addresses of a corpus: JSON lists, names with commas between them, or names as they are.

    pydantic-settings would read `[draft] notes.txt`, `{x}.txt` and `null` as JSON.

    >>> addresses(["[draft] notes.txt"]), addresses(["a,b", '["c,d"]'])
    ('[draft] notes.txt', ['a', 'b', 'c,d'])
    """
    found: list[str] = []
    for value in values:
        try:
            found += TypeAdapter(list[str]).validate_json(value, strict=True)
        except ValidationError:
            found += [value] if value.startswith(("[", "{", '"')) else value.split(",")
    return found[0] if len(found) == 1 else found


def texts(values: Sequence[str]) -> list[str]:
    """Priming texts: JSON lists, or texts as they are.

    >>> texts(["a, b", "null", "[a", '["c", "d"]'])
    ['a, b', 'null', '[a', 'c', 'd']
    """
    found: list[str] = []
    for value in values:
        try:
            found += TypeAdapter(list[str]).validate_json(value, strict=True)
        except ValidationError:
            found.append(value)
    return found


def _likelihood(error: ErrorDetails) -> tuple[bool, bool]:
    """How unlikely an error is meant: one of the wrong kind, or of a list whose values are wrong."""
    kind = error["type"]
    return kind == "too_short" and bool(error["input"]), kind.endswith("_type")


def _is_name(part: str | int) -> bool:
    """Whether a part of an error's location is a field's name, not a branch of a union."""
    return isinstance(part, int) or part.replace("_", "").isalnum()
