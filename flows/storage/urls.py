"""Addresses that people give: checked, and stripped of secrets before anything is written down."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

from fsspec.registry import known_implementations

from flows.storage.exceptions import StorageError

local_protocols = ("file", "local")


def protocol_of(url: str) -> str:
    """The protocol of `url`, "file" for a plain path; `a::b` (chained) has that of its last part."""
    return (
        re.split(r"://", url.rsplit("::", maxsplit=1)[-1], maxsplit=1)[0]
        if "://" in url
        else "file"
    )


def check_url(url: str, what: str, error: type[StorageError]) -> None:
    """Refuse what fsspec would quietly take for something else, naming `what` it was meant to be."""
    if not url.strip():
        raise error(f"the {what} is empty: give a path or an fsspec URL")
    if "\x00" in url:
        raise error(f"the {what} {url!r} has a NUL character")
    if re.match(r"[A-Za-z]:[\\/]", url):
        raise error(f"the {what} {url!r} is a Windows path: give it as file:///C:/…")
    if "://" not in url:
        return
    for part in url.split("::"):
        protocol = part.split("://")[0]
        if protocol not in known_implementations and protocol not in local_protocols:
            raise error(
                f"the {what} {public_url(url)!r} has the unknown protocol {protocol!r}:"
                " use a path, file, s3, gs, abfs, http, https or another that fsspec knows"
            )
    if protocol_of(url) in local_protocols and urlsplit(url).netloc:
        raise error(f"the {what} {url!r} names a host: a local path is file:///path, three slashes")
    if "@" in urlsplit(url).netloc:
        raise error(
            f"the {what} {public_url(url)!r} carries credentials: put them in the environment"
            " or in fsspec's configuration files instead"
        )


def public_url(url: str) -> str:
    """`url` without user, password, query and fragment, as records and messages may show it.

    >>> public_url("https://me:secret@example.org/a.txt?token=1")
    'https://example.org/a.txt'
    """
    if "://" not in url:
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
