"""Addresses that people give: checked, and shown without secrets."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from urllib.parse import unquote

from fsspec.registry import known_implementations

from flows.exceptions import StorageError
from flows.storage.url_pattern import (
    address_pattern,
    names_variable,
    networks,
    one_of,
    query_names,
    variable,
    without_credentials,
    without_values,
)

local_protocols = ("file", "local")
archives = ("zip", "tar")
protocols = (  # others may read what they should not, or run code
    *local_protocols,
    *("http", "https", "s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "sftp"),
    *archives,
    "github",
)
protocols_variable = "RNN_URL_PROTOCOLS"  # of the environment: more protocols
_one_slash = rf"(?i:[a-z][a-z0-9+.-]*:[/\\](?!/)|(?:{'|'.join(networks)}):(?!//))"
_query = rf"{one_of('?#')}|{one_of(';')}(?=[^?#]*?{one_of('=')})"  # what is refused is not shown


def urls_of(corpus: str | Sequence[str]) -> list[str]:
    """The addresses of a corpus, which is given as one or as a list."""
    return [corpus] if isinstance(corpus, str) else list(corpus)


def protocol_of(url: str) -> str:
    """The protocol of `url`, "file" for a plain path; `a::b` (chained) has that of its last part."""
    protocol, separator, _ = url.rpartition("::")[2].partition("://")
    return protocol if separator else "file"


def check_url(url: str, what: str, error: type[StorageError]) -> None:
    """Refuse an address that holds a secret, or that fsspec would silently misread.

    `what` names it in the message.
    """
    where = f"the {what} {public_url(url)!r}"
    if not url.strip():
        raise error(f"the {what} is empty: give a path or an fsspec URL")
    if "\x00" in url:
        raise error(f"{where} has a NUL character")
    if re.match(r"[A-Za-z]:[\\/]", url):
        raise error(f"{where} is a Windows path: give it as file:///C:/…")
    *outer, last = url.split("::")
    if "://" not in url and outer:
        raise error(f"{where} has '::', which chains URLs: rename the file")
    for link in outer:
        _check_link(link, where, error, chained=True)
        if protocol_of(link) in {*networks, *local_protocols} and not re.fullmatch("[a-z]+", link):
            raise error(f"{where} has '::' after a link that reads from no other: leave it out")
    if not last:
        raise error(f"{where} ends with '::': name the file that the others are in")
    # What archives are in is a path: fsspec, which reads other chains, takes a bare word for more.
    foreign = any(link.partition("://")[0] not in archives for link in outer)
    _check_link(last, where, error, chained=foreign)
    if not re.match(address_pattern(query_names()), url):
        raise error(f"{where} is no address: give a path, or a URL without control characters")


def public_url(url: str) -> str:
    """`url` without user, password, query and fragment, as records and messages may show it.

    >>> public_url("https://me:secret@example.org/a.txt?token=1")
    'https://example.org/a.txt'
    >>> public_url("zip://a.txt::https://me:secret@example.org/a.zip")
    'zip://a.txt::https://example.org/a.zip'
    """
    *outer, last = url.split("::")
    for link in outer:
        protocol = link.partition(":")[0]
        if protocol.lower() in networks and link != protocol:
            return f"{protocol}://…"  # what follows may be the rest of a password
    return "::".join(map(_public_link, (*outer, last)))


def public_text(text: str) -> str:
    """`text`, such as a backend's error, on one line and with every URL in it made public.

    >>> public_text("Not Found: 'https://example.org/a.txt?token=1'")
    "Not Found: 'https://example.org/a.txt'"
    """
    return re.sub(r"[\w+.-]+://[^\s'\"<>]+", lambda url: public_url(url[0]), " ".join(text.split()))


def allowed_protocols() -> set[str]:
    """The protocols that addresses may have, with those that the environment adds."""
    return {*protocols, *os.environ.get(protocols_variable, "").split()}


def _check_link(link: str, where: str, error: type[StorageError], *, chained: bool) -> None:
    """Check one link of a chain, or the whole; `where` names the whole."""
    if re.match(_one_slash, link):
        raise error(f"{where} has one slash after its protocol: use :// after the protocol")
    protocol, separator, rest = link.partition("://")
    if not separator and not (chained and re.fullmatch("[a-z]+", link)):
        return  # a plain path, as fsspec sees it
    _check_protocol(protocol, where, error)
    if protocol in local_protocols:
        if not rest.startswith("/"):
            raise error(f"{where} names a host: a local path is file:///path, three slashes")
    elif separator:
        _check_secrets(link, where, error)


def _check_protocol(protocol: str, where: str, error: type[StorageError]) -> None:
    if protocol in allowed_protocols():
        return
    use = "use a path, file, s3, gs, abfs, http, https, sftp, github, zip or tar"
    if protocol in known_implementations:
        raise error(
            f"{where} has the protocol {protocol}, which is not allowed: {use}, or add it to"
            f" {protocols_variable} where the run works"
        )
    shown = protocol if re.fullmatch("[A-Za-z0-9+.-]*", protocol) else "…"
    raise error(f"{where} has the unknown protocol {shown!r}: {use}")


def _check_secrets(link: str, where: str, error: type[StorageError]) -> None:
    """Refuse what Prefect would store: credentials, and values of a query."""
    if not re.match(without_credentials, link):
        raise error(
            f"{where} carries credentials: put them in the environment"
            " or in fsspec's configuration files instead"
        )
    if re.match(without_values(query_names()), link):
        return
    if "$" in re.sub(rf"=(?:{variable})(?={one_of('?#;&')}|$)", "=", link):
        raise error(
            f"{where} has a $ that is not the whole value of a query: only ?name=$NAME stands for"
            " a variable, write %24 for the character"
        )
    pieces = (piece.partition("=") for piece in re.split("[?#;&]", decoded(link))[1:])
    names = (name for name, separator, _ in pieces if separator)
    name = next((name for name in names if name not in query_names()), "")
    named = f" of {name!r}" if re.fullmatch(r"[\w.~-]{1,40}", name) else ""
    raise error(
        f"{where} carries a value{named} in its query, which may be a secret and would be stored:"
        " write name=$NAME and put it in the environment variable NAME, or add the name to"
        f" {names_variable} if it is no secret"
    )


def _public_link(link: str) -> str:
    protocol, separator, rest = link.partition("://")
    if not separator and (slash := re.match(_one_slash, link)):
        protocol, separator, rest = link.partition(":")
        separator, rest = slash[0][len(protocol) :], link[slash.end() :]
    if not separator or (protocol in local_protocols and rest.startswith("/")):
        return link  # ? and # are characters of a path there
    protocol = protocol if re.fullmatch("[A-Za-z0-9+.-]*", protocol) else "…"
    if not re.match(without_credentials, f"{protocol}://{rest}"):
        credentials, at, rest = (rest if "@" in rest else decoded(rest)).rpartition("@")
        if re.search("[?#]", credentials) or not at:
            return f"{protocol}{separator}…"  # no telling where a password ends
    return f"{protocol}{separator}{re.split(_query, rest, maxsplit=1)[0]}"


def decoded(text: str) -> str:
    """`text` without percent-escapes, also without those that were escaped again."""
    while (decoded := unquote(text)) != text:
        text = decoded
    return text
