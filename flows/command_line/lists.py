"""Options of a sweep that take lists on the command line, as in `--seed 0,1,2`."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

groups = ("training", "evaluation", "gates", "promotion", "retention")
alone = ("seed", "model")


def listed(
    arguments: Iterable[str], fields: Mapping[str, Collection[str]]
) -> tuple[dict[str, list[Any]], list[str]]:
    """The options that are given a list, or given several times, and all other arguments.

    A list has commas between its values, is a range, low..high, or JSON, where a value has a comma in
    it. `fields` are the names in each group.

    >>> listed(["--seed", "0,1", "--training.dtype=float64"], {"training": ["dtype"]})
    ({'seed': [0, 1]}, ['--training.dtype=float64'])
    """
    names = {*alone, *(f"{group}.{field}" for group in groups for field in fields.get(group, ()))}
    given: dict[str, list[str]] = {}
    rest, kept = deque(arguments), []
    while rest:
        argument = rest.popleft()
        name, separator, value = argument.removeprefix("--").partition("=")
        if not argument.startswith("--") or name not in names:
            kept.append(argument)
        elif separator:
            given.setdefault(name, []).append(value)
        elif rest and not rest[0].startswith("--"):
            given.setdefault(name, []).append(rest.popleft())
        else:
            kept.append(argument)  # whose value is missing: argparse says so
    return _lists(given, kept), kept


def _lists(given: Mapping[str, list[str]], kept: list[str]) -> dict[str, list[Any]]:
    """The options whose texts are a list, by name; one with a single value is `kept` as it is."""
    found = {}
    for name, texts in given.items():
        is_list = texts[0].startswith("[") or "," in texts[0] or ".." in texts[0]
        if len(texts) == 1 and not is_list:
            kept.append(f"--{name}={texts[0]}")
        else:
            found[name] = [value for text in texts for value in _values(text)]
    return found


def _values(text: str) -> list[Any]:
    """The values of a list: each as JSON where it is that, and as it is typed elsewhere.

    >>> _values("champion,3,null"), _values('["a,b", 0.5]')
    (['champion', 3, None], ['a,b', 0.5])
    """
    try:
        return TypeAdapter(list[Any]).validate_json(text)
    except ValidationError:
        return [_value(part.strip()) for part in text.split(",")]


def _value(text: str) -> Any:
    try:
        return TypeAdapter(bool | int | float | str | None).validate_json(text)
    except ValidationError:
        return text
