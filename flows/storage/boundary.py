"""The trust boundary: what the operator of a worker lets a run read, write and send.

It is set in the environment of the process that works, and checked there: docs/security.md.
"""

from __future__ import annotations

import ipaddress
import os
import posixpath
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from urllib.parse import quote

from flows.exceptions import StorageError
from flows.storage.url_pattern import networks, variable
from flows.storage.urls import decoded, local_protocols, protocol_of, public_url

allow_variables = {"corpus": "RNN_CORPUS_ALLOW", "store": "RNN_STORE_ALLOW"}
variables_variable = "RNN_URL_VARIABLES"
run_variable = "PREFECT__FLOW_RUN_ID"  # set by what starts the runs of deployments
same_protocols = {"local": "file", "s3a": "s3", "gcs": "gs", "abfss": "abfs", "az": "abfs"}
# Others take dots and percent-escapes as they are, so that a path may be two: both have to be allowed.
resolved = {"file", "http", "https"}
default_ports = {"http": "80", "https": "443", "sftp": "22"}
# Their endpoints are of the operator's own configuration, or of a public service.
configured = {"s3", "gs", "abfs", "github", "memory"}

Place = tuple[str, str, str]  # protocol, host and path, in normal form
_elsewhere: ContextVar[bool] = ContextVar("elsewhere", default=False)


class LocalAddress(OSError):
    """A host's address is this machine, or its link: not for runs of a deployment."""


def check_allowed(url: str, what: str, error: type[StorageError]) -> None:
    """Refuse an address that the operator's list for corpora or stores does not have."""
    name = allow_variables[what]
    if not is_listed(url, what) and os.environ.get(name, "").strip():
        raise error(
            f"the {what} {public_url(url)} is not below an address of {name}: choose one that is,"
            " or ask the operator of the worker"
        )


def is_listed(url: str, what: str) -> bool:
    """Whether the operator's list names `url`, or something that it is below."""
    return any(is_below(url, entry) for entry in os.environ.get(allow_variables[what], "").split())


def is_below(url: str, prefix: str) -> bool:
    """Whether `url` is `prefix`, or below it: by folders, not by letters.

    >>> is_below("https://example.org/data/a.txt", "https://example.org/data")
    True
    >>> is_below("https://example.org/data/%2e%2e/b", "https://example.org/data")
    False
    """
    place, (protocol, host, path) = _place(url), _place(prefix, escaped=True)
    found = {place[2]}
    if protocol not in resolved:
        rest = url.rpartition("::")[2].partition("://")[2]
        found.add(rest[re.match(r"[^/?#\\]*", rest).end() :] or "/")  # type: ignore[union-attr]
    within = all(each == path or each.startswith(path.rstrip("/") + "/") for each in found)
    return place[:2] == (protocol, host) and within


def expanded(url: str, what: str, error: type[StorageError]) -> str:
    """`url` with the variables of its query, which must be bound to it; never to be shown."""
    if protocol_of(url) in local_protocols or "$" not in url:
        return url
    if protocol_of(url) not in {"http", "https"}:
        raise error(f"the {what} {public_url(url)} has a variable: only http and https have them")

    def value(found: re.Match[str]) -> str:
        name = found[1].strip("${}")
        if not _is_bound(name, url):
            raise error(
                f"the {what} {public_url(url)} names the environment variable {name}, which"
                f" {variables_variable} does not bind to this address: add {name}= and the start"
                " of the address to it where the run works"
            )
        if name not in os.environ:
            raise error(
                f"the {what} {public_url(url)} names the environment variable {name}, which is not"
                " set: set it where the run works"
            )
        return "=" + quote(os.environ[name], safe="%/:?@!$'()*,;=+~")

    return re.sub(f"=({variable})", value, url)


def check_host(url: str, what: str, error: type[StorageError]) -> None:
    """Refuse a host that is this machine, where it is looked up by a backend and not by aiohttp."""
    protocol, host, _ = _place(url)
    if host and protocol not in {"http", "https", *configured} and refuses_local_addresses(what):
        _check_lookup(host, f"{what} {public_url(url)}", error)


def check_endpoint(url: str, where: str, error: type[StorageError]) -> None:
    """Refuse an endpoint of an object store that is no operator's: as an address of a corpus.

    `where` names it in the message, which does not show it.
    """
    if refuses_local_addresses("corpus"):
        _check_lookup(_place(url)[1], where, error)
    if not is_listed(url, "corpus") and os.environ.get(allow_variables["corpus"], "").strip():
        raise error(
            f"the {where} is not below an address of {allow_variables['corpus']}: choose one that"
            " is, or ask the operator of the worker"
        )


def _check_lookup(host: str, where: str, error: type[StorageError]) -> None:
    """Refuse a host, maybe with a port, that is looked up as this machine."""
    try:
        found = socket.getaddrinfo(re.sub(r":\d+$", "", host).strip("[]"), None)
    except OSError:
        return  # the backend says so better
    if any(is_local(str(entry[4][0])) for entry in found):
        raise error(f"the {where} {local_address}")


local_address = (
    "is at a loopback or link-local address, which runs of a deployment may not read: choose"
    " another, or let the operator of the worker name it in RNN_CORPUS_ALLOW"
)


def refuses_local_addresses(what: str) -> bool:
    """Whether this is the run of a deployment, on a worker whose operator has made no list."""
    return is_of_deployment() and not os.environ.get(allow_variables[what], "").strip()


def is_of_deployment() -> bool:
    """Whether this process runs a deployment, or a task of one that runs elsewhere."""
    return run_variable in os.environ or _elsewhere.get()


@contextmanager
def of_deployment(value: bool) -> Iterator[None]:
    """Work for the run of a deployment, if `value`, which runs in another process."""
    token = _elsewhere.set(value)
    try:
        yield
    finally:
        _elsewhere.reset(token)


def is_local(address: str) -> bool:
    """Whether an IP address is loopback, link-local or unspecified, also inside IPv6.

    >>> [is_local(address) for address in ("127.0.0.2", "::ffff:169.254.1.1", "192.0.2.1")]
    [True, True, False]
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    found = getattr(found, "ipv4_mapped", None) or found
    return found.is_loopback or found.is_link_local or found.is_unspecified


def warnings() -> list[str]:
    """What the operator of a worker should know when it starts."""
    return [
        f"{name} is not set: whoever can start a run can {verb} everything that this user can"
        for name, verb in (("RNN_CORPUS_ALLOW", "read"), ("RNN_STORE_ALLOW", "write"))
        if not os.environ.get(name, "").strip()
    ]


def _is_bound(name: str, url: str) -> bool:
    bound = (entry.partition("=") for entry in os.environ.get(variables_variable, "").split())
    return any(name == key and is_below(url, prefix) for key, _, prefix in bound)


def _place(url: str, *, escaped: bool = False) -> Place:
    """Where the bytes of `url` are; `escaped` if a local path of file:// has percent-escapes."""
    link = url.rpartition("::")[2]
    protocol, separator, rest = link.partition("://")
    protocol = same_protocols.get(protocol, protocol)
    if not separator or protocol == "file":
        path = decoded(rest) if separator and escaped else rest if separator else link
        return "file", "", os.path.realpath(os.path.expanduser(path))  # noqa: PTH111 - as fsspec
    host, path = re.fullmatch(r"([^/?#\\]*)([^?#]*)[\s\S]*", rest).groups()  # type: ignore[union-attr]
    path = posixpath.normpath("/" + decoded(path).replace("\\", "/").lstrip("/"))
    host = decoded(host)
    if protocol in networks and protocol not in configured:
        host = re.sub(rf"\.?(:{default_ports.get(protocol, '')})?$", "", host.lower())
    return protocol, host, path
