"""Options of a corpus's filesystem are credentials and endpoints alone, and never shown."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from flows.corpus import files, find_files
from flows.corpus.finding.credentials import check_options, options_for
from flows.exceptions import CorpusError
from flows.parameters.reading import ReadingOptions

secret = "planted-'6f1c 2b/+="
google = {
    "type": "service_account",
    "private_key": secret,
    "token_uri": "https://oauth2.googleapis.com/token",
}


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test hides is shown in others."""
    monkeypatch.setattr(files, "_hidden", set())


def refusal(options: Any, url: str = "s3://bucket/a.txt") -> str:
    """The error message for options, which has no value of them."""
    with pytest.raises(CorpusError) as caught:
        find_files(url, ReadingOptions(), options)
    message = str(caught.value)
    assert "planted" not in message
    assert None is caught.value.__context__ is caught.value.__cause__
    return message


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("s3://bucket/a", {"key": secret, "secret": secret, "token": secret}),
        ("s3a://bucket/a", {"endpoint_url": "https://s3.example.org:9000/x", "anon": True}),
        ("s3://bucket/a", {"profile": "mine"}),
        ("sftp://host/a", {"username": "me", "password": secret}),
        ("gs://bucket/a", {"project": "p", "token": google}),
        ("abfs://c@account/a", {"account_name": "account", "account_key": secret}),
        (
            "az://c/a",
            {
                "connection_string": "AccountName=a12;AccountKey=planted==;EndpointSuffix=core.windows.net"
            },
        ),
        ("github://org:repo@ref/a", {"username": "me", "token": secret}),
        ("zip://*.txt::s3://bucket/a.zip", {"key": secret}),
    ],
)
def test_credentials_are_passed_to_the_filesystem(url: str, options: dict[str, Any]) -> None:
    """Of the last link of an address, as they are."""
    link = url.rpartition("::")[2]

    assert options == options_for(link, check_options(options, [url]))
    assert {} == options_for("/data/a.txt", options) == options_for("https://h/a", options)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"client_kwargs": {"endpoint_url": secret}}, "option 'client_kwargs' .* is neither"),
        ({"config_kwargs": secret}, "option 'config_kwargs' .* is neither"),
        ({"get_client": secret}, "option 'get_client' .* is neither"),
        ({"session": secret}, "option 'session' .* is neither"),
        ({"key_filename": secret}, "option 'key_filename' .* is neither"),
        ({"sock": secret}, "option 'sock' .* is neither"),
        ({"host": secret}, "option 'host' .* is neither"),
        ({f"{secret}": 1}, "option with an odd name"),
        ({"key": 5}, "option 'key' .* is not text"),
        ({"key": None}, "option 'key' .* is not text"),
        ({"secret": [secret]}, "option 'secret' .* is not text"),
        ({"anon": "yes"}, "option 'anon' .* is not true or false"),
        ({"token": {"type": "external_account", "credential_source": secret}}, "Google"),
        ({"token": google | {"token_uri": "http://planted.example.org/"}}, "Google"),
        ({"token": google | {"token_uri": "http://planted.evilgoogleapis.com/"}}, "Google"),
        ({"account_name": "planted.example.org/?"}, "no name of an Azure account"),
        ({"connection_string": "UseDevelopmentStorage=true"}, "has a part that is not one of"),
        ({"connection_string": f"AccountName=planted.org/{secret}"}, "no name of an Azure account"),
        ({"connection_string": "EndpointSuffix=planted.org"}, "has a suffix"),
        ({"connection_string": "BlobEndpoint=file:///planted"}, "is no address"),
        ({"endpoint_url": "file:///planted"}, "is no address"),
        ({"endpoint_url": "https://me:planted@host"}, "is no address"),
        ({"endpoint_url": "https://planted\\@host"}, "is no address"),
        ({"endpoint_url": "https://host/?planted"}, "is no address"),
        ({"endpoint_url": "https://[::1]:9"}, "is no address"),
        ({"endpoint_url": "https://planted\n"}, "is no address"),
    ],
)
def test_anything_else_is_refused_by_name(options: dict[str, Any], problem: str) -> None:
    """What runs code, opens files or asks other servers, and what is no text."""
    assert re.search(problem, refusal(options))


def test_options_are_refused_where_none_are_taken() -> None:
    """For disks and web servers alone; and those that are another filesystem's."""
    assert "leave reading.corpus_secret out" in refusal({"key": secret}, "/data/a.txt")
    assert "leave reading.corpus_secret out" in refusal({"key": secret}, "https://h/a.txt")
    assert "it takes username, password" in refusal({"key": secret}, "sftp://localhost/a")


@pytest.mark.parametrize(
    "endpoint",
    ["http://127.0.0.1:9", "http://localhost", "https://[0:0:0:0:0:0:0:1]:9/x", "http://0x7f.1/"],
)
def test_a_deployment_reaches_nothing_of_its_machine_by_an_endpoint(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    """As by an address, unless the operator lists it; one that is not listed is refused then."""
    options = {"key": secret, "endpoint_url": endpoint}
    azure = {"connection_string": f"AccountName=a12;BlobEndpoint={endpoint}"}
    check_options(options, ["s3://b/a"])

    monkeypatch.setenv("PREFECT__FLOW_RUN_ID", "run")
    for each in (options, azure):
        message = refusal(each)
        assert "loopback or link-local address" in message
        assert endpoint not in message

    monkeypatch.setenv("RNN_CORPUS_ALLOW", f"s3://bucket {endpoint}")
    check_options(options, ["s3://bucket/a"])
    monkeypatch.setenv("RNN_CORPUS_ALLOW", "s3://bucket")
    message = refusal(options)
    assert "is not below an address of RNN_CORPUS_ALLOW" in message
    assert endpoint not in message


def test_no_value_is_in_an_error_of_a_backend_or_a_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever that says: a server that is not there, a profile that is not there."""
    pytest.importorskip("s3fs", reason="needs pip install -e '.[s3]'")
    caplog.set_level(logging.DEBUG)

    refused = (
        {"key": "planted-key", "secret": secret, "endpoint_url": "http://planted.invalid:9"},
        {"profile": "planted-profile"},
        {"key": "planted-key", "token": secret, "endpoint_url": "http://127.0.0.1:9/planted"},
    )
    for options in refused:
        assert "s3://bucket/a.txt" in refusal(options)
    assert "planted" not in caplog.text
