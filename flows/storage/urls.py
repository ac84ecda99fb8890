"""Addresses that people give: checked, and shown without secrets."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fsspec.registry import known_implementations

from flows.exceptions import StorageError

local_protocols = ("file", "local")
# Letter by letter, since it is used in JSON schemas too, whose patterns have no flags.
_secrets = (
    *("signature", "token", "secret", "password", "credential"),
    *("auth", "key", "passwd", "pwd", "sig"),
)
_in_any_case = ("".join(f"[{letter}{letter.upper()}]" for letter in word) for word in _secrets)
secret_query = rf"://.*[?&][\w.-]*(?:{'|'.join(_in_any_case)})=(?!\$)"


def urls_of(corpus: str | Sequence[str]) -> list[str]:
    """The addresses of a corpus, which is given as one or as a list."""
    return [corpus] if isinstance(corpus, str) else list(corpus)


def protocol_of(url: str) -> str:
    """The protocol of `url`, "file" for a plain path; `a::b` (chained) has that of its last part."""
    protocol, separator, _ = url.rpartition("::")[2].partition("://")
    return protocol if separator else "file"


def check_url(url: str, what: str, error: type[StorageError]) -> None:
    """Refuse an address that fsspec would silently misread; `what` names it in the message."""
    shown = repr(public_url(url))
    if not url.strip():
        raise error(f"the {what} is empty: give a path or an fsspec URL")
    if "\x00" in url:
        raise error(f"the {what} {shown} has a NUL character")
    if re.match(r"[A-Za-z]:[\\/]", url):
        raise error(f"the {what} {shown} is a Windows path: give it as file:///C:/…")
    if re.match(r"[a-z][a-z0-9+.-]*:/(?!/)", url):
        raise error(
            f"the {what} {shown} has one slash after its protocol: use :// after the protocol"
        )
    if "://" not in url:
        if "::" in url:
            raise error(f"the {what} {shown} has '::', which chains URLs: rename the file")
        return
    for part in url.split("::"):
        _check_part(part, f"the {what} {shown}", error)


def check_no_secret(url: str, what: str, error: type[StorageError]) -> None:
    """Refuse a URL whose query holds a secret, where it would be stored as it is."""
    if re.search(secret_query, url):
        raise error(
            f"the {what} {public_url(url)!r} carries a secret in its query, which Prefect would"
            " store: put it in an environment variable, and write $ and its name here"
        )


def public_url(url: str) -> str:
    """`url` without user, password, query and fragment, as records and messages may show it.

    >>> public_url("https://me:secret@example.org/a.txt?token=1")
    'https://example.org/a.txt'
    >>> public_url("zip://a.txt::https://me:secret@example.org/a.zip")
    'zip://a.txt::https://example.org/a.zip'
    """
    return "::".join(_public_part(part) for part in url.split("::"))


def public_text(text: str) -> str:
    """`text`, such as a backend's error, on one line and with every URL in it made public.

    >>> public_text("Not Found: 'https://example.org/a.txt?token=1'")
    "Not Found: 'https://example.org/a.txt'"
    """
    return re.sub(r"[\w+.-]+://[^\s'\"<>]+", lambda url: public_url(url[0]), " ".join(text.split()))


def _check_part(part: str, where: str, error: type[StorageError]) -> None:
    """Check one link of a chain; `where` names the whole."""
    protocol, separator, rest = part.partition("://")
    if not separator and re.search("[^a-z]", part):
        return  # a plain path, as fsspec sees it
    if protocol not in known_implementations and protocol not in local_protocols:
        raise error(
            f"{where} has the unknown protocol {protocol!r}:"
            " use a path, file, s3, gs, abfs, http, https or another that fsspec knows"
        )
    if protocol in local_protocols and not rest.startswith("/"):
        raise error(f"{where} names a host: a local path is file:///path, three slashes")
    if "@" in _host(rest):
        raise error(
            f"{where} carries credentials: put them in the environment"
            " or in fsspec's configuration files instead"
        )


def _public_part(part: str) -> str:
    protocol, separator, rest = part.partition("://")
    if not separator:
        return part
    if protocol in local_protocols:
        return part  # ? and # are characters of a path there
    host = _host(rest)
    path = re.split(r"[?#]", rest[len(host) :], maxsplit=1)[0]
    return f"{protocol}://{host.rpartition('@')[2]}{path}"


def _host(rest: str) -> str:
    """The part before the path, of a URL without its protocol."""
    return re.split(r"[/?#]", rest, maxsplit=1)[0]
