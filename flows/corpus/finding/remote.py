"""Files elsewhere that an address names: one, those of a folder or prefix, or those of a pattern."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from flows.corpus.finding.archives import in_folder
from flows.corpus.finding.listing import (
    Entry,
    Found,
    OtherTree,
    SftpTree,
    Tree,
    listed,
    other_entry,
    walk,
)
from flows.corpus.finding.local import inside, no_match, split_pattern, start_of
from flows.corpus.finding.patterns import Pattern
from flows.exceptions import CorpusError
from flows.storage.boundary import check_allowed
from flows.storage.urls import protocol_of, public_url

wildcard = re.compile(r"[*]")  # after a protocol, ? begins a query, and [ may belong to a name
# Object stores list all keys below a prefix at once.
stores = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "memory"}


def check_start(url: str) -> None:
    """Refuse an address, or a pattern that begins, where no corpus may be read from."""
    check_allowed(start_of(url, wildcard), "corpus", CorpusError)


def find_remote(url: str, filesystem: Any, path: str, names: str) -> list[Found]:
    """What `url` names, which may be a pattern; of a folder the files of these `names`."""
    if protocol_of(url) in {"http", "https"}:
        return _find_http(url, filesystem, path)
    entry = None if url.endswith("/") else _entry(filesystem, path)
    if entry is not None and entry.kind != "folder":
        return [Found(path, entry.time, entry.kind, public_url(url))]
    if entry is None and wildcard.search(url):
        start, rest = split_pattern(path + "/" * url.endswith("/"), wildcard)
        base = split_pattern(url, wildcard)[0]
        found = _below(filesystem, start.rstrip("/"), Pattern(inside(rest, names)), base)
        if not found:
            raise no_match(public_url(url))
        return found
    if entry is None and not url.endswith("/"):
        raise FileNotFoundError(path)
    return _below(filesystem, path, in_folder(names), url)


def one_remote(url: str, filesystem: Any, path: str) -> Found:
    """The file that `url` names; a server that says nothing of it is asked when it is read."""
    entry = None
    if protocol_of(url) not in {"http", "https"}:
        entry = _entry(filesystem, path)
        if entry is None:
            raise FileNotFoundError(path)
    return Found(path, None, entry.kind if entry else "file", public_url(url))


def _below(filesystem: Any, folder: str, pattern: Pattern, base: str) -> list[Found]:
    """What matches below `folder`, whose address is `base`."""
    start = public_url(base).rstrip("/")

    def address(path: str) -> str:
        return f"{start}/{path[len(folder) :].lstrip('/')}"

    if protocol_of(base) in stores:
        found = list(listed(filesystem, folder, pattern, address))
    elif _entry(filesystem, folder) is None:
        found = []
    else:
        tree = _tree(filesystem)
        found = list(walk(tree, folder, pattern, _link_check(tree, folder, base), address))
    for each in found:
        check_allowed(each.url, "corpus", CorpusError)
    return found


def _link_check(tree: Tree, folder: str, base: str) -> Callable[[str], None]:
    """A link may lead to what is below the folder, or to what the operator's list has."""
    real = tree.real(folder).rstrip("/") + "/"
    host = re.sub("(?<=[^:/])/.*", "", base, flags=re.DOTALL)

    def check(path: str) -> None:
        try:
            target = tree.real(path)
        except OSError:  # it leads nowhere
            target = "/"
        if not target.startswith(real):
            check_allowed(host + target, "corpus", CorpusError)

    return check


def _tree(filesystem: Any) -> SftpTree | OtherTree:
    return SftpTree(filesystem) if hasattr(filesystem, "ftp") else OtherTree(filesystem)


def _entry(filesystem: Any, path: str) -> Entry | None:
    """What is at a path, if anything is."""
    try:
        if hasattr(filesystem, "ftp"):
            return SftpTree(filesystem).entry(path)
        return other_entry(filesystem.info(path))
    except FileNotFoundError:
        return None


def _find_http(url: str, filesystem: Any, path: str) -> list[Found]:
    """An address as it is, which is asked for when it is read; a pattern by a page of links."""
    if not wildcard.search(url):
        return [Found(path, None, "file", public_url(url))]
    base, rest = split_pattern(path, wildcard)
    pattern = Pattern(rest)
    found = []
    for match in sorted(filesystem.glob(path)):
        name = match.removeprefix(base)  # not of a folder, and not one that sorts the page
        if pattern.matches(name) and not name.endswith("/") and not set("?#") & set(match):
            check_allowed(match, "corpus", CorpusError)
            found.append(match)
    if not found:
        raise no_match(public_url(url))
    return [Found(match, None, "file", public_url(match)) for match in found]
