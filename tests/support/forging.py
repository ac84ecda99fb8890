"""Hostile objects: intact ones with any value replaced, and every checksum made right again."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import strategies as st

from flows.storage.canonical import canonical_json, digest, identity, strict_json


def nested(depth: int) -> list[Any]:
    """Lists in lists."""
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.sampled_from([10**400, -(10**400), 2**63 - 1, 2**62, 2**31, 0, -1, 1.5, 1e308, -0.0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "1", "\ud800", "../x", "x" * 70_000, "é\n\x00", "object", "float16"]),
    st.text(max_size=20),
    st.sampled_from([[], {}, [[]], [1], {"a": 1}, ["ab"], nested(300)]),
)
places = st.lists(st.integers(0, 30), min_size=1, max_size=5)


def replaced(content: Any, place: list[int], value: Any, *, key: str | None = None) -> Any:
    """`content` with a value replaced or, with a `key`, one added; `place` chooses which."""
    content = copy.deepcopy(content)
    inside = content
    for step in place:
        names = sorted(inside) if isinstance(inside, dict) else list(range(len(inside)))
        if not names:
            break
        name = names[step % len(names)]
        if not isinstance(inside[name], dict | list) or step == place[-1]:
            inside[name] = value
            break
        inside = inside[name]
    if key is not None and isinstance(inside, dict):
        inside[key] = value
    return content


def sealed_record(data: bytes, place: list[int], value: Any) -> bytes:
    """A record of a log with a value replaced and the right checksum."""
    record = strict_json(data)
    del record["checksum"]
    record = replaced(record, place, value)
    return canonical_json(record | {"checksum": digest(canonical_json(record))})


def sealed_manifest(data: bytes, **changes: Any) -> bytes:
    """A manifest with other values, and the id that its files give."""
    content = strict_json(data) | changes
    return canonical_json(content | {"dataset_id": identity([1, content["files"]])})


def framed(header: Any, body: bytes) -> bytes:
    """A safetensors file with that header."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def parts(payload: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, metadata and body of a training state."""
    end = 8 + int.from_bytes(payload[:8], "little")
    header = strict_json(payload[8:end])
    metadata = strict_json(header["__metadata__"]["training_state"].encode())
    return header, metadata, payload[end:]
