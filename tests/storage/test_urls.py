"""Bad addresses are refused with one sentence, and their secrets are never shown."""

from __future__ import annotations

import re

import pytest

from flows.exceptions import CorpusError, StorageError, StoreError
from flows.storage.stores import open_store
from flows.storage.url_pattern import address_pattern, query_names
from flows.storage.urls import check_url, protocol_of, public_text, public_url

secret = "wJa"
credentials = [  # of which a server must store nothing
    "https://me:{}@example.org/a.txt",
    "https://me:{}@example.org/a\x00b",
    "https://{}@example.org/a.txt",
    "HTTPS://me:{}@example.org/a.txt",
    " https://me:{}@example.org/a.txt",
    "s3://key:{}@bucket/a.txt",
    "s3://KEY:{}/lr@bucket",
    "s3://KEY:12345/{}@bucket/a.txt",
    "ftp://me:{}/b@host/a",
    "https://me:a?{}@host/a",
    "https://me:a#{}@host/a",
    "https://me%3A{}%40host/a",
    "https://me%253A{}%2540host/a",
    "https://host/a:{}@b",
    "https://me:{}::b@host/a",
    "https:/me:{}@host/a",
    "https:me:{}@host/a",
    "https:///me:{}@host/a",
    "simplecache::https://me:{}@example.org/a.txt",
    "zip://a.txt::https://me:{}@example.org/a.zip",
    "zip://a.txt\n::https://me:{}@example.org/a.zip",
    "zip://a.txt::https:/me:{}@example.org/a.zip",
    "github://org:{}@ref@host/a",
    "github://org:{}@ref:1/a",
    "https://me:{}\uff20host/a",
    "file://me:{}@host/a",
    "abfs://me:{}@account/a",
]
values = [
    *(f"https://example.org/a.txt?{key}={{}}" for key in ("token", "code", "pass", "jwt")),
    *(f"https://example.org/a.txt?{key}={{}}" for key in ("session", "api%5Fkey", "sig", "x")),
    "https://example.org/a.txt?{}",
    "https://example.org/a.txt?raw&{}",
    "https://example.org/a.txt?raw=1&token={}",
    "https://example.org/a.txt?raw=1%26token={}",
    "https://example.org/a.txt%3Ftoken={}",
    "https://example.org/a.txt;token={}",
    "https://example.org/a.txt;token%3D{}",
    "https://example.org/a.txt%3Btoken%253d{}",
    "https://example.org/a.txt;to/ken={}",
    "https://example.org/a.txt#access_token={}",
    "https://example.org/a.txt?token=$NAME{}!",
    "s3://bucket/a.txt?token={}",
    "zip://a.txt::https://example.org/a.zip?token={}",
    "zip://a.txt\n::https://example.org/a.zip?token={}",
]
dollars = [
    "https://$SECRET/a.txt",
    "https://example.org/$SECRET/a.txt",
    "https://example.org/a.txt#$SECRET",
    "https://example.org/a.txt?raw=x$SECRET",
    "https://example.org/a.txt?$SECRET=1",
    "s3://bucket/$SECRET",
]
bad_urls = [
    ("", "is empty"),
    (" \t", "is empty"),
    ("a\x00b", "has a NUL character"),
    ("C:\\texts\\a.txt", "is a Windows path"),
    ("d:/texts/a.txt", "is a Windows path"),
    ("s4://bucket/key", "unknown protocol 's4'"),
    ("://x", "unknown protocol ''"),
    ("nosuch::https://example.org/a.txt", "unknown protocol 'nosuch'"),
    ("ftp://host/a.txt", "the protocol ftp, which is not allowed"),
    ("reference://a::https://example.org/a.json", "the protocol reference, which is not allowed"),
    ("s3:/bucket/key", "use :// after the protocol"),
    ("file:/etc/hosts", "use :// after the protocol"),
    ("text.txt::other", "'::', which chains URLs"),
    ("zip://a.txt::", "ends with '::'"),
    ("https://example.org/a::https://example.org/b", "'::' after a link that reads from no other"),
    ("file://host/a.txt", "names a host"),
    ("file://../a.txt", "names a host"),
    ("zip://a.txt::file://host/a.zip", "names a host"),
    ("https://example.org/a\nb", "without control characters"),
    ("https://example.org/a%0Ab", "without control characters"),
    ("s3://key:hidden@bucket/a.txt", "carries credentials"),
    ("https://example.org/a?token=1", "carries a value of 'token' in its query"),
    ("https://example.org/a?raw&hunter2", "carries a value in its query"),
    *((url, "has a [$] that is not the whole value") for url in dollars),
]

good_urls = [
    "relative",
    "data/corpus/*.txt",
    "/absolute/path with spaces/é.txt",
    "a:b.txt",
    "me:you@host/$NAME?token=1",  # a local path
    "file:///tmp/a.txt?token=1",
    "memory://bucket/a.txt",
    "s3://bucket/a@b.txt",
    "s3://bucket/me@x",
    "s3://bucket/year=2024/a.txt",
    "s3://bucket/part#1;b.txt",
    "github://org:repo@ref/a.txt",
    "abfs://container@account.dfs.core.windows.net/a.txt",
    "http://example.org:8080/~me@home/a.txt",
    "http://[0:0:0:0:0:0:0:1]:80/a@b.txt",
    "https://example.org/a%20b%24.txt?",
    "https://example.org/a.txt?raw=1&v=2&lang=de",
    "https://example.org/a.txt?token=$NAME&X-Amz-Date=1&key=${NAME}",
    "simplecache::s3://bucket/a.txt",
    "zip://a.txt::/local/a.zip",
    "zip://a.txt::archive",
    "zip://a.txt::https://example.org/a.zip?token=$NAME",
]


@pytest.mark.parametrize(("url", "expected"), bad_urls)
@pytest.mark.parametrize("error", [CorpusError, StoreError])
def test_a_bad_address_is_refused(url: str, expected: str, error: type[StorageError]) -> None:
    """The message says what the address is for, on one line, without its secrets."""
    with pytest.raises(error, match=f"^the source .*{expected}") as caught:
        check_url(url, "source", error)
    assert "hidden" not in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


@pytest.mark.parametrize(("url", "expected"), bad_urls)
def test_no_store_opens_at_a_bad_address(url: str, expected: str) -> None:
    """Opening checks the address first."""
    with pytest.raises(StoreError, match=expected) as caught:
        open_store(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("url", good_urls)
def test_a_good_address_is_accepted(url: str) -> None:
    """Paths and URLs that fsspec understands pass, in the form too."""
    check_url(url, "source", CorpusError)
    assert re.search(address_pattern(query_names()), url)


@pytest.mark.parametrize("form", [*credentials, *values])
def test_a_secret_is_refused_and_not_shown(form: str) -> None:
    """By the check and by the form's pattern, however it is written."""
    url = form.format(secret)

    with pytest.raises(CorpusError) as caught:
        check_url(url, "source", CorpusError)
    assert secret not in str(caught.value)
    assert secret not in public_url(url)
    assert not re.search(address_pattern(query_names()), url)


@pytest.mark.parametrize("url", dollars)
def test_a_variable_stands_for_the_value_of_a_query_alone(url: str) -> None:
    """The form's pattern refuses what the check refuses."""
    assert not re.search(address_pattern(query_names()), url)


def test_the_operator_adds_harmless_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """For a site whose addresses have other queries; in the form, when it is deployed."""
    monkeypatch.setenv("RNN_URL_QUERY_NAMES", "Book chapter")

    check_url("https://example.org/a?Book=1&chapter=2", "source", CorpusError)
    assert re.search(address_pattern(query_names()), "https://example.org/a?Book=1")


@pytest.mark.parametrize(
    "unit",
    ["a", ":", "://", "::", "x://", "?raw&", "?", "%25", "%", "@", ";a", "&raw=1", "&a=$B", "$"],
)
@pytest.mark.parametrize("start", ["", "https://", "https://h/", "https://h/?", "zip::", "s3://a:"])
def test_the_pattern_takes_linear_time(unit: str, start: str) -> None:
    """Time is not asserted: a pattern that is not linear would not end on a text this long."""
    pattern = address_pattern(query_names())

    for end in ("", "\n", "!$"):
        re.search(pattern, start + unit * 20_000 + end)


def test_protocols_are_allowed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that fsspec knows, the operator may add some."""
    monkeypatch.delenv("RNN_URL_PROTOCOLS")
    with pytest.raises(CorpusError, match="protocol simplecache, which is not allowed"):
        check_url("simplecache::s3://bucket/a.txt", "source", CorpusError)

    monkeypatch.setenv("RNN_URL_PROTOCOLS", "filecache simplecache")
    check_url("simplecache::s3://bucket/a.txt", "source", CorpusError)


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
        ("s3://bucket/part#1;b", "s3://bucket/part"),
        ("https://h/a;token=secret", "https://h/a"),
        ("https://h/a%20b", "https://h/a%20b"),
        ("https://me%3Asecret%40h/a", "https://h/a"),
        ("s3://KEY:se/cret@bucket/a", "s3://bucket/a"),
        ("https://me:a?secret@h/a", "https://…"),
        ("https://me:a::secret@h/a", "https://…"),
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
