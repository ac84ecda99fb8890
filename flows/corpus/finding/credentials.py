"""Options of a corpus's filesystem that come from a secret: names and endpoints are checked."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from flows.corpus.files import hide
from flows.exceptions import CorpusError
from flows.storage.boundary import check_endpoint
from flows.storage.urls import local_protocols, protocol_of

without = {*local_protocols, "http", "https"}  # protocols that have no such options
known = {
    "s3": ("key", "secret", "token", "anon", "endpoint_url", "profile", "username", "password"),
    "gs": ("token", "project", "anon", "endpoint_url"),
    "abfs": (
        *("account_name", "account_key", "sas_token", "connection_string", "anon"),
        *("tenant_id", "client_id", "client_secret"),
    ),
    "sftp": ("username", "password"),
    "github": ("username", "token"),
}
same = {"s3a": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs"}
names = {name for options in known.values() for name in options}
endpoint = re.compile(
    r"(?!.*::)https?://((\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?)(?:/[\w./~-]*)?"
)
# Of an Azure account, whose name is a part of a host, and of what a connection string may say.
account = re.compile(r"[a-z0-9]{3,24}(-secondary)?")
connection_names = {
    *("DefaultEndpointsProtocol", "AccountName", "AccountKey", "SharedAccessSignature"),
    *("EndpointSuffix", "BlobEndpoint", "DfsEndpoint"),
}
suffixes = {"core.windows.net", "core.chinacloudapi.cn", "core.usgovcloudapi.net"}
talkative = ("aiobotocore", "botocore", "s3fs", "paramiko", "fsspec", "asyncio", "urllib3")


def check_options(options: Mapping[str, Any] | None, urls: Iterable[str]) -> dict[str, Any]:
    """`options` if they are nothing but credentials and endpoints that may be used for `urls`.

    No value of them is in an error, here or later.
    """
    given = dict(options or {})
    hide(value for value in _texts(given) if len(value) > 2)  # noqa: PLR2004 - "s3" is no secret
    for name, value in given.items():
        if name not in names:
            raise _refusal(name, "is neither a credential nor an endpoint: leave it out")
        is_token = name == "token" and isinstance(value, Mapping)
        if not isinstance(value, bool if name == "anon" else str) and not is_token:
            kind = "true or false" if name == "anon" else "text"
            raise _refusal(name, f"is not {kind}: write it as {kind} in JSON")
        _check_value(name, value)
    if given and all(protocol_of(url) in without for url in urls):
        raise CorpusError(
            "the corpus is on disks or web servers, which take no options of a filesystem: leave"
            " reading.corpus_secret out"
        )
    for name in talkative if given else ():
        logger = logging.getLogger(name)
        logger.setLevel(max(logger.level, logging.INFO))  # below it, they log what they send
    return given


def options_for(url: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `options` that the filesystem of `url` takes: all or none."""
    protocol = protocol_of(url)
    if protocol in without:
        return {}
    taken = known.get(same.get(protocol, protocol))
    if taken and (name := next((name for name in options if name not in taken), None)):
        raise _refusal(name, f"is not one of {protocol}'s: it takes {', '.join(taken)}")
    return dict(options)


def _check_value(name: str, value: Any) -> None:
    """Refuse what would send a request somewhere else."""
    if name == "endpoint_url":
        _check_endpoint(name, value)
    elif name == "account_name" and not account.fullmatch(value):
        raise _refusal(name, "is no name of an Azure account: give lower-case letters and digits")
    elif name == "connection_string":
        _check_connection(name, value)
    elif name == "token" and isinstance(value, Mapping):
        _check_google(name, value)


def _check_endpoint(name: str, value: str) -> None:
    if not (parts := endpoint.fullmatch(value)):
        raise _refusal(name, "is no address: give http:// or https:// and a host (IPv6 in full)")
    hide({parts[1], parts[2]})
    check_endpoint(value, f"option {name!r} of the corpus's filesystem", CorpusError)


def _check_connection(name: str, value: str) -> None:
    for piece in filter(None, value.split(";")):
        key, _, text = piece.partition("=")
        if key not in connection_names:
            raise _refusal(
                name, f"has a part that is not one of {', '.join(sorted(connection_names))}"
            )
        if key == "AccountName" and not account.fullmatch(text):
            raise _refusal(name, "has no name of an Azure account")
        if key == "EndpointSuffix" and text not in suffixes:
            raise _refusal(name, f"has a suffix that is not one of {', '.join(sorted(suffixes))}")
        if key in {"BlobEndpoint", "DfsEndpoint"}:
            _check_endpoint(name, text)


def _check_google(name: str, value: Mapping[str, Any]) -> None:
    """Only keys whose tokens Google itself gives: others name servers, files or programs to ask."""
    hosts = (urlsplit(str(value[key])).hostname for key in value if key.endswith(("_uri", "_url")))
    if value.get("type") not in {"service_account", "authorized_user"} or any(
        not f".{host}".endswith(".googleapis.com") and host != "accounts.google.com"
        for host in hosts
    ):
        raise _refusal(name, "is no key of a Google service account: give its JSON as it is")


def _refusal(name: str, problem: str) -> CorpusError:
    shown = repr(name) if re.fullmatch(r"\w{1,40}", str(name)) else "with an odd name"
    return CorpusError(f"the option {shown} of the corpus's filesystem {problem}")


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
