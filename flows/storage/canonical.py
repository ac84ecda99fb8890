"""Canonical JSON: equal content has equal bytes, and so equal digests."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

largest_integer = 2**63 - 1
most_digits = 20  # of an integer, with its sign: more are not converted
id_length = 16  # hexadecimal digits of an id; digests that verify bytes are whole


def canonical_json(content: Any) -> bytes:
    """`content` as ASCII JSON with sorted keys and no spaces.

    ValueError for NaN, infinity and what is nested too deeply.
    """
    try:
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return text.encode("ascii")


def strict_json(data: bytes) -> Any:
    """The content of `data`, JSON in UTF-8, or ValueError.

    Duplicate keys, NaN, infinity, numbers too large for a float or for 64 bits, and deep nesting
    are refused too.
    """
    try:
        return json.loads(
            data.decode("utf-8"),  # given bytes, json would take UTF-16 as well
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite_float,
            parse_int=_small_integer,
        )
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def digest(data: bytes) -> str:
    """SHA-256 of `data` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def identity(content: Any) -> str:
    """Short name of `content`: equal for equal content, and for nothing else.

    >>> identity({"b": 1, "a": 2}) == identity({"a": 2, "b": 1})
    True
    """
    return digest(canonical_json(content))[:id_length]


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) != len(pairs):
        raise ValueError("a key occurs twice")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _finite_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:most_digits]} is too large a number")
    return number


def _small_integer(text: str) -> int:
    number = int(text) if len(text) <= most_digits else largest_integer + 1
    if abs(number) > largest_integer:
        raise ValueError(f"{text[:most_digits]} is too large a number")
    return number
