"""Finding the files that a corpus names: any fsspec URL or pattern, or a list of them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import fsspec

from flows.exceptions import CorpusError, CorpusUnavailable
from flows.storage.failures import explanation, is_transient
from flows.storage.urls import (
    check_url,
    local_protocols,
    protocol_of,
    public_text,
    public_url,
    urls_of,
)


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
    shown = public_url(url)
    try:
        local = protocol_of(url) in local_protocols
        # Secrets of a query may be in the environment instead of in a flow's parameters.
        if not local:
            _check_variables(url, shown)
        filesystem, path = fsspec.core.url_to_fs(url if local else os.path.expandvars(url))
        if fsspec.utils.get_protocol(url) in local_protocols or "*" in url:
            return _expand_pattern(shown, filesystem, path)
    except CorpusError:
        raise
    except Exception as error:  # backends raise of all kinds
        raise unreadable(shown, error) from None
    return [SourceFile(shown, filesystem, path)]


def _check_variables(url: str, shown: str) -> None:
    """Refuse a query that names a variable which is not set."""
    for name in re.findall(r"[?&][^=&]*=\$\{?(\w+)", url):
        if name not in os.environ:
            raise CorpusError(
                f"the corpus {shown} names the environment variable {name}, which is not set: set"
                " it where the run works"
            )


def _expand_pattern(url: str, filesystem: Any, path: str) -> list[SourceFile]:
    if filesystem.isdir(path):
        raise CorpusError(f"{url} is a folder: name files, or a pattern such as {url}/*.txt")
    if filesystem.isfile(path):
        return [SourceFile(url, filesystem, path)]
    # After a protocol, ? begins a query, and [ may belong to a name.
    if not set("*?[" if protocol_of(url) in local_protocols else "*") & set(path):
        problem = "is neither file nor folder" if filesystem.exists(path) else "does not exist"
        raise CorpusError(f"the corpus {url} {problem}: give the path or URL of a text")
    matches = sorted(match for match in filesystem.glob(path) if filesystem.isfile(match))
    if not matches:
        raise CorpusError(f"no file matches {url}: check the pattern, or name the files")
    return [
        SourceFile(public_url(filesystem.unstrip_protocol(match)), filesystem, match)
        if protocol_of(url) != "file"
        else SourceFile(match, filesystem, match)
        for match in matches
    ]


def unreadable(url: str, error: Exception) -> CorpusError:
    """One sentence for whatever a backend raised; transient if the failure is.

    To be raised from None: the backend's own message may hold a secret, and Prefect stores the
    message of every error that another is raised from.
    """
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
