"""A file of a corpus, and what went wrong with one in a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

from flows.exceptions import CorpusError, CorpusUnavailable
from flows.storage.boundary import LocalAddress
from flows.storage.failures import causes, explanation, is_transient
from flows.storage.urls import public_text

Found = TypeVar("Found")
tags = ("ETag", "etag", "md5Hash", "content_md5")  # what changes with the content, by backend
times = ("mtime", "LastModified", "Last-Modified", "last_modified", "updated")
_hidden: set[str] = set()  # secrets that a backend's error may repeat


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a corpus, found but not read."""

    url: str  # without secrets: for people and records
    filesystem: Any  # fsspec ships no types
    path: str


def hide(secrets: Iterable[str]) -> None:
    """Leave `secrets` out of all sentences from now on."""
    for secret in secrets:
        _hidden.update({secret, quote(secret), quote(secret, safe=""), repr(secret)[1:-1]})


def reading(url: str, read: Callable[[], Found]) -> Found:
    """What `read` returns; whatever a backend raises there becomes one sentence about `url`.

    That error keeps nothing of the backend's: it may hold a secret, and Prefect stores the message
    of every error that another was raised from or while handling.
    """
    try:
        return read()
    except CorpusError:
        raise
    except Exception as error:  # backends raise of all kinds
        problem = unreadable(url, error)
    raise problem


def unreadable(url: str, error: Exception) -> CorpusError:
    """One sentence for whatever a backend raised; transient if the failure is."""
    for cause in causes(error):
        if isinstance(cause, CorpusError):  # of a request that was not sent
            return CorpusError(str(cause))
        if isinstance(cause, LocalAddress):
            return CorpusError(f"the corpus {url} {cause}")
    kind = CorpusUnavailable if is_transient(error) else CorpusError
    return kind(f"the corpus {url} {_describe(error)}")


def _describe(error: Exception) -> str:
    """What is wrong, and what to do."""
    status = getattr(error, "status", None)  # aiohttp's replies
    if explained := explanation(error):
        return f"cannot be read: {explained}"
    if isinstance(error, (FileNotFoundError, NotADirectoryError)) or status == 404:  # noqa: PLR2004 - HTTP's not found
        return "does not exist: give the path or URL of a text"
    if isinstance(error, PermissionError) or status in {401, 403}:
        return (
            "may not be read: permission denied: give this user access, or set the credentials in"
            " the environment"
        )
    if isinstance(error, ImportError):
        return f"needs another package ({public_text(str(error))}): install it"
    reason = public_text(_shown(str(error))) or type(error).__name__
    return f"cannot be read ({reason}): check the address and the file"


def _shown(text: str) -> str:
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
