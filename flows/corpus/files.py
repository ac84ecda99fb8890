"""Finding the files that a corpus names: any fsspec URL or pattern, or a list of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from glob import glob
from typing import Any, TypeVar

import fsspec

from flows.corpus.clients import client_options, with_limits
from flows.exceptions import CorpusError, CorpusUnavailable
from flows.storage.boundary import LocalAddress, check_allowed, check_host, expanded
from flows.storage.failures import causes, explanation, is_transient
from flows.storage.urls import (
    check_url,
    local_protocols,
    protocol_of,
    public_text,
    public_url,
    urls_of,
)

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a corpus, found but not read."""

    url: str  # without secrets: for people and records
    filesystem: Any  # fsspec ships no types
    path: str


def find_files(corpus: str | Sequence[str]) -> list[SourceFile]:
    """The files that `corpus` names, in its order; a pattern's matches are sorted by name.

    Raises `CorpusError` naming what does not exist.
    """
    urls = urls_of(corpus)
    if not urls:
        raise CorpusError("the corpus is an empty list: give at least one path or URL")
    return [file for url in urls for file in _expand(url)]


def _expand(url: str) -> list[SourceFile]:
    check_url(url, "corpus", CorpusError)
    link = url.rpartition("::")[2]
    local = protocol_of(url) in local_protocols
    start = link if "::" in url else _start_of(link, local=local)  # an archive is no pattern
    check_allowed(start, "corpus", CorpusError)
    expanded(link, "corpus", CorpusError)  # it is sent later, but refused now
    check_host(url, "corpus", CorpusError)
    files = reading(public_url(url), lambda: _find(url, local=local))
    if "::" not in url:
        for file in files:  # of a pattern, or behind a link
            check_allowed(file.url, "corpus", CorpusError)
    return files


def _find(url: str, *, local: bool) -> list[SourceFile]:
    link = url.rpartition("::")[2]
    protocol = link.partition("://")[0]
    options = {protocol: found} if (found := client_options(link)) else {}
    filesystem, path = fsspec.core.url_to_fs(url, **options)
    with_limits(filesystem)
    if fsspec.utils.get_protocol(url) in local_protocols or "*" in url:
        return _expand_pattern(url, filesystem, path, local=local)
    return [SourceFile(public_url(url), filesystem, path)]


def _start_of(link: str, *, local: bool) -> str:
    """`link`, or the folder that all matches of a pattern are below."""
    start, *rest = re.split(r"[*?\[]" if local else r"[*]", link, maxsplit=1)
    if not rest:
        return link
    # Matches outside would be refused later, but that says which files exist there.
    return (start[: start.rfind("/") + 1] or "./") + "../" * rest[0].split("/").count("..")


def _expand_pattern(given: str, filesystem: Any, path: str, *, local: bool) -> list[SourceFile]:
    url = public_url(given)
    if filesystem.isdir(path):
        raise CorpusError(f"{url} is a folder: name files, or a pattern such as {url}/*.txt")
    if filesystem.isfile(path):
        return [SourceFile(url, filesystem, path)]
    # After a protocol, ? begins a query, and [ may belong to a name.
    if not set("*?[" if local else "*") & set(given):
        problem = "is neither file nor folder" if filesystem.exists(path) else "does not exist"
        raise CorpusError(f"the corpus {url} {problem}: give the path or URL of a text")
    found = _glob(given, path) if local and "::" not in given else filesystem.glob(path)
    matches = sorted(match for match in found if filesystem.isfile(match))
    if not matches:
        raise CorpusError(f"no file matches {url}: check the pattern, or name the files")
    return [
        SourceFile(public_url(filesystem.unstrip_protocol(match)), filesystem, match)
        if protocol_of(given) != "file"
        else SourceFile(match, filesystem, match)
        for match in matches
    ]


def _glob(given: str, path: str) -> list[str]:
    """Local files as a shell finds them; brackets in the working directory are no pattern."""
    relative = "://" not in given and not given.startswith(("/", "~"))
    return [os.path.abspath(found) for found in glob(given if relative else path, recursive=True)]  # noqa: PTH100, PTH207 - as text, and ".." as in fsspec


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
    if isinstance(error, FileNotFoundError) or status == 404:  # noqa: PLR2004 - HTTP's not found
        return "does not exist: give the path or URL of a text"
    if isinstance(error, PermissionError) or status in {401, 403}:
        return (
            "may not be read: permission denied: give this user access, or set the credentials in"
            " the environment"
        )
    if isinstance(error, ImportError):
        return f"needs another package ({public_text(str(error))}): install it"
    reason = public_text(str(error)) or type(error).__name__
    return f"cannot be read ({reason}): check the address and the file"
