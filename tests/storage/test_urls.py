"""Bad addresses are refused with one sentence, and their secrets are never shown."""

from __future__ import annotations

import pytest

from flows.exceptions import CorpusError, StorageError, StoreError
from flows.storage.stores import open_store
from flows.storage.urls import check_url, protocol_of, public_text, public_url

bad_urls = [
    ("", "is empty"),
    (" \t", "is empty"),
    ("a\x00b", "has a NUL character"),
    ("C:\\texts\\a.txt", "is a Windows path"),
    ("d:/texts/a.txt", "is a Windows path"),
    ("s4://bucket/key", "unknown protocol 's4'"),
    ("://x", "unknown protocol ''"),
    ("nosuch::https://example.org/a.txt", "unknown protocol 'nosuch'"),
    ("s3:/bucket/key", "use :// after the protocol"),
    ("file:/etc/hosts", "use :// after the protocol"),
    ("text.txt::other", "'::', which chains URLs"),
    ("file://host/a.txt", "names a host"),
    ("file://../a.txt", "names a host"),
    ("zip://a.txt::file://host/a.zip", "names a host"),
    ("https://me:secret@example.org/a.txt", "carries credentials"),
    ("s3://key:secret@bucket/a.txt", "carries credentials"),
    ("simplecache::https://me:secret@example.org/a.txt", "carries credentials"),
    ("zip://a.txt::https://me:secret@example.org/a.zip", "carries credentials"),
    ("https://me:secret@example.org/a\x00b", "has a NUL character"),
]

good_urls = [
    "data/corpus/*.txt",
    "/absolute/path with spaces/é.txt",
    "a:b.txt",
    "file:///tmp/a.txt",
    "memory://bucket/a.txt",
    "s3://bucket/a@b.txt",
    "https://example.org/a.txt?token=1",
    "simplecache::s3://bucket/a.txt",
    "zip://a.txt::/local/a.zip",
    "zip://a.txt::https://example.org/a.zip",
]


@pytest.mark.parametrize(("url", "expected"), bad_urls)
@pytest.mark.parametrize("error", [CorpusError, StoreError])
def test_a_bad_address_is_refused(url: str, expected: str, error: type[StorageError]) -> None:
    """The message says what the address is for, on one line, without its secrets."""
    with pytest.raises(error, match=f"^the source .*{expected}") as caught:
        check_url(url, "source", error)
    assert "secret" not in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(("url", "expected"), bad_urls)
def test_no_store_opens_at_a_bad_address(url: str, expected: str) -> None:
    """Opening checks the address first."""
    with pytest.raises(StoreError, match=expected) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", good_urls)
def test_a_good_address_is_accepted(url: str) -> None:
    """Paths and URLs that fsspec understands pass."""
    check_url(url, "source", CorpusError)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("a.txt", "file"),
        ("file:///a.txt", "file"),
        ("s3://b/k", "s3"),
        ("simplecache::s3://b/k", "s3"),
        ("zip://a.txt::/local/a.zip", "file"),
    ],
)
def test_the_protocol_is_that_of_the_last_part(url: str, expected: str) -> None:
    """It is the part that fetches the bytes."""
    assert expected == protocol_of(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:secret@example.org/a.txt", "https://example.org/a.txt"),
        ("https://example.org/a.txt?secret#secret", "https://example.org/a.txt"),
        ("https://example.org?secret", "https://example.org"),
        ("simplecache::https://me:secret@h/a", "simplecache::https://h/a"),
        ("zip://a::https://me:secret@h/a.zip?secret", "zip://a::https://h/a.zip"),
        ("http://[secret", "http://[secret"),  # not a URL, but no traceback
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("file:///a?b#c", "file:///a?b#c"),
        ("a?b#c", "a?b#c"),
        ("s3://", "s3://"),
    ],
)
def test_a_public_url_has_no_secrets(url: str, expected: str) -> None:
    """User, password, query and fragment are removed; the rest is unchanged."""
    assert expected == public_url(url)


def test_a_public_text_has_no_secrets_either() -> None:
    """Errors of backends contain the whole URL, sometimes on several lines."""
    message = "500,\n url='https://me:secret@h/a?secret' and zip://a::http://h/b?secret"

    assert "500, url='https://h/a' and zip://a::http://h/b" == public_text(message)
