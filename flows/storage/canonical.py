"""One way to write JSON down, so that equal content has equal bytes and equal digests."""

from __future__ import annotations

import hashlib
import json
from typing import Any

id_length = 16  # hexadecimal digits of an id; digests that verify bytes are whole


def canonical_json(content: Any) -> bytes:
    """`content` as ASCII JSON with sorted keys and no spaces; NaN and infinity are refused."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode("ascii")


def strict_json(data: bytes) -> Any:
    """What `data` says, or ValueError: for duplicate keys, NaN, infinity and deep nesting too."""
    try:
        return json.loads(data, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
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
        raise ValueError("a key stands twice")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
