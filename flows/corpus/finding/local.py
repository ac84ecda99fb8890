"""Files of a local disk that an address names: one, those of a folder, or those of a pattern."""

from __future__ import annotations

import os
import re
import stat
from functools import partial
from glob import escape
from urllib.parse import unquote

from flows.corpus.finding.archives import in_folder
from flows.corpus.finding.listing import Found, LocalTree, check_name, local_entry, walk
from flows.corpus.finding.patterns import Pattern, below, names_in
from flows.exceptions import CorpusError
from flows.storage.boundary import check_allowed

wildcards = re.compile(r"[*?\[]")
escapes = re.compile("(?:%[0-9A-Fa-f]{2})+")
check = partial(check_allowed, what="corpus", error=CorpusError)


def find_local(url: str, names: str) -> list[Found]:
    """What `url` names, which may be a pattern; of a folder the files of these `names`."""
    check(start_of(url, wildcards))
    path = _existing(url)
    if path is not None:
        entry = local_entry(path)
        if entry.kind == "folder":
            return _below(path, in_folder(names))
        return [Found(path, entry.time, entry.kind, url)]
    if not wildcards.search(url):
        os.lstat(_absolute(_given(url)))  # says why it is not there
    for pattern in dict.fromkeys((_given(url), _unescaped(url))):
        if found := _matches(pattern, names):
            return found
    raise no_match(url)


def finds(url: str, names: str, path: str) -> bool:
    """Whether `find_local` would find a file at a real path that may not be there yet."""
    folder, pattern = _existing(url), in_folder(names)
    if folder is None:
        start, rest = split_pattern(_given(url), wildcards)
        folder, pattern = _absolute(start), Pattern(inside(rest, names))
    root = os.path.join(os.path.realpath(folder), "")  # noqa: PTH118 - paths are text, as in fsspec
    return path.startswith(root) and pattern.matches(path.removeprefix(root))


def one_local(url: str) -> Found:
    """The file that `url` names; brackets and stars are characters of its name."""
    check(url)
    path = _existing(url) or _absolute(_given(url))
    entry = local_entry(path)
    return Found(path, entry.time, entry.kind, url)


def start_of(url: str, wildcard: re.Pattern[str]) -> str:
    """`url`, or the folder that all matches of a pattern are below."""
    start, *rest = wildcard.split(url, maxsplit=1)
    if not rest:
        return url
    # Matches outside would be refused later, but that says which files exist there.
    return (start[: start.rfind("/") + 1] or "./") + "../" * rest[0].split("/").count("..")


def split_pattern(path: str, wildcard: re.Pattern[str]) -> tuple[str, str]:
    """The folder that a pattern begins in, with its slash, and the pattern below it."""
    found = wildcard.search(path)
    end = path.rfind("/", 0, found.start() if found else None) + 1
    return path[:end], path[end:]


def inside(pattern: str, names: str) -> str:
    """`pattern`, or that of the files of these `names` in the folders that it ends with."""
    return pattern + below(names) if pattern.endswith("/") else pattern


def no_match(url: str) -> CorpusError:
    """The error for a pattern that matches nothing."""
    return CorpusError(f"no file matches {url}: check the pattern, or name the files")


def _below(folder: str, pattern: Pattern) -> list[Found]:
    if ".." in folder.split("/"):
        folder = os.path.realpath(folder)
    check_name(folder)
    return list(walk(LocalTree(), folder, pattern, check))


def _matches(given: str, names: str) -> list[Found]:
    start, rest = split_pattern(given, wildcards)
    while "/" in rest and os.path.isdir(_absolute(start + rest.partition("/")[0])):  # noqa: PTH112
        name, _, rest = rest.partition("/")  # of a folder that is there, as it is
        start += f"{name}/"
    check(start or "./")
    folder = _absolute(start)
    try:
        if not stat.S_ISDIR(os.stat(folder).st_mode):  # noqa: PTH116 - paths are text, as in fsspec
            return []
    except (FileNotFoundError, NotADirectoryError):
        return []
    return _below(folder, Pattern(inside(rest, names)))


def _existing(url: str) -> str | None:
    """The path in `url` as it is, or without its escapes, if something is there.

    `file:///a%20b.txt` is what browsers and file managers give, and may be a name all the same.
    """
    for given in dict.fromkeys((_given(url), unquote(_given(url), errors="surrogateescape"))):
        if given != _given(url) and ("://" not in url or "\0" in given or "::" in given):
            continue
        check(given)
        if os.path.lexists(_absolute(given)):
            return _absolute(given)
    return None


def _given(url: str) -> str:
    """The path in `url`."""
    _, separator, path = url.partition("://")
    return path if separator else os.path.expanduser(url)  # noqa: PTH111


def _unescaped(url: str) -> str:
    """The pattern in `url` without its escapes, which are no wildcards."""
    if "://" not in url:
        return _given(url)
    return escapes.sub(
        lambda found: escape(unquote(found[0], errors="surrogateescape")), _given(url)
    )


def _absolute(path: str) -> str:
    """As it is below the working folder; `..` stays, since the kernel resolves links before it."""
    if not path.startswith("/"):
        path = f"{os.getcwd()}/{path}"  # noqa: PTH109 - as text
    return "/" + "/".join(names_in(path))
