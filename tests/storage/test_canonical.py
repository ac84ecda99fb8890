"""Equal content has equal bytes, and what is not strict JSON is refused."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.storage.canonical import canonical_json, digest, identity, strict_json

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63) + 1, 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
contents = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@given(contents)
@settings(derandomize=True, deadline=None)
def test_content_is_read_back_unchanged(content: Any) -> None:
    """What is read equals what was written, floats to the last bit."""
    data = canonical_json(content)

    assert content == strict_json(data)
    assert data == canonical_json(strict_json(data))


@given(st.dictionaries(st.text(), scalars))
@settings(derandomize=True, deadline=None)
def test_the_order_of_keys_does_not_matter(content: dict[str, Any]) -> None:
    """Equal mappings have equal bytes."""
    backwards = dict(reversed(content.items()))

    assert canonical_json(content) == canonical_json(backwards)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_express_is_refused(number: float) -> None:
    """Only Python would read NaN and infinity."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"loss": number})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"{}{}",
        b"{'a': 1}",
        b"NaN",
        b"[Infinity]",
        b'{"a": -Infinity}',
        b"1e999",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'"\xff"',
        '{"a": 1}'.encode("utf-16"),
        b"\xef\xbb\xbf{}",
        b"9" * 5000,
        b"[9223372036854775808]",
        b"-9" + b"0" * 400,
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_not_strict_json_is_a_value_error(data: bytes) -> None:
    """Whatever is wrong with the bytes, the reader raises one kind of error."""
    with pytest.raises(ValueError, match=r"."):
        strict_json(data)


def test_a_digest_is_sha256_in_lower_case_hexadecimal() -> None:
    """Anyone can check it with sha256sum."""
    assert hashlib.sha256(b"abc").hexdigest() == digest(b"abc")


def test_an_identity_is_sixteen_digits_of_the_digest() -> None:
    """Short enough for a folder's name, long enough to be unique."""
    assert digest(b'{"a":1}')[:16] == identity({"a": 1})
    assert identity({"a": 1}) != identity({"a": 1.0})
