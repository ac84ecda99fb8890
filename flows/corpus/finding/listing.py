"""What is in a folder: on a local disk, over SFTP, or wherever fsspec lists folders."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from flows.corpus.files import reading
from flows.corpus.finding.patterns import Pattern, States
from flows.exceptions import CorpusError

time_keys = ("mtime", "LastModified", "updated", "last_modified", "created")  # by backend

unreadable = "a file that this user may not read"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder."""

    name: str
    kind: str  # "file", "folder", or what it is instead, in words
    is_link: bool = False
    time: float | None = None  # when it was last written, in seconds


@dataclass(frozen=True, slots=True)
class Found:
    """A file that an address names, or what is there instead of one."""

    path: str
    time: float | None
    kind: str  # "file", or what it is, in words
    url: str  # without secrets


class Tree(Protocol):
    """Folders that can be listed one by one."""

    def entries(self, folder: str) -> list[Entry]: ...

    def real(self, folder: str) -> str:
        """The path of a folder without links."""
        ...


def walk(
    tree: Tree,
    root: str,
    pattern: Pattern,
    check_link: Callable[[str], None],
    address: Callable[[str], str] = str,
) -> Iterator[Found]:
    """What matches `pattern` below `root`; links are followed once `check_link` has let them.

    `address` gives the address of a path, for people. A folder that is reached twice is an error, so that no circle of links goes on for ever.
    """
    pending: list[tuple[str, str, States]] = [(root, tree.real(root), pattern.start)]
    seen = {pending[0][1]: root}
    while pending:
        folder, real, states = pending.pop()
        for entry in reading(address(folder), partial(tree.entries, folder)):
            after = pattern.step(states, entry.name)
            if not after:
                continue
            path = joined(folder, entry.name)
            check_name(path)
            if entry.is_link:
                check_link(path)
            if entry.kind != "folder":
                if pattern.accepts(after):
                    yield Found(path, entry.time, entry.kind, address(path))
            elif pattern.goes_on(after):
                inside = tree.real(path) if entry.is_link else joined(real, entry.name)
                if pattern.depth is None:
                    _check_once(path, inside, real, seen, address)
                pending.append((path, inside, after))


def joined(folder: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{folder.rstrip('/')}/{name}" if folder else name


def check_name(path: str) -> None:
    """Refuse a name that no address can have."""
    if "::" in path:
        raise CorpusError(f"the corpus has {path}, whose '::' chains URLs: rename it")


def _check_once(
    path: str, real: str, above: str, seen: dict[str, str], address: Callable[[str], str]
) -> None:
    """Refuse a folder that is one above it, or one that was listed: `seen` has all, by real path."""
    if joined(above, "").startswith(joined(real, "")):
        raise CorpusError(
            f"the corpus has {address(path)}, a symbolic link that leads back to a folder above it: remove"
            " it, or name the files"
        )
    if seen.setdefault(real, path) != path:
        raise CorpusError(
            f"the corpus has one folder twice, since a link leads to it: {address(seen[real])} and"
            f" {address(path)}; remove the link, or name the folders one by one"
        )


class LocalTree:
    """Folders of local disks."""

    def entries(self, folder: str) -> list[Entry]:
        with os.scandir(folder) as found:
            return [_quick_entry(entry) for entry in found]

    def real(self, folder: str) -> str:
        return os.path.realpath(folder)


def local_entry(path: str) -> Entry:
    """What is at a local path; an `OSError` if nothing is."""
    is_link = stat.S_ISLNK(os.lstat(path).st_mode)
    try:
        found = os.stat(path)  # noqa: PTH116 - paths are text here, as in fsspec
    except OSError as error:
        if not is_link or error.errno not in broken_links:
            raise
        words = broken_links[error.errno].format(os.readlink(path))  # noqa: PTH115
        return Entry(os.path.basename(path), words, is_link)  # noqa: PTH119
    kind = kind_of_mode(found.st_mode)
    if kind == "file" and not os.access(path, os.R_OK):
        kind = unreadable
    return Entry(os.path.basename(path), kind, is_link, found.st_mtime)  # noqa: PTH119


broken_links = {
    errno.ENOENT: "a symbolic link to {!r}, which does not exist",
    errno.ENOTDIR: "a symbolic link to {!r}, which does not exist",
    errno.ELOOP: "a symbolic link to {!r}, which leads back to itself",
    errno.EACCES: "a symbolic link to {!r}, which this user may not follow",
}


def _quick_entry(entry: os.DirEntry[str]) -> Entry:
    """As `local_entry`, without its calls where a folder is one."""
    if entry.is_dir(follow_symlinks=False):
        return Entry(entry.name, "folder")
    try:
        return local_entry(entry.path)
    except FileNotFoundError:
        return Entry(entry.name, "a file that was removed meanwhile")


def kind_of_mode(mode: int | None) -> str:
    """What a file's mode says that it is; servers that say nothing have files."""
    if mode is None or stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "folder"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


class SftpTree:
    """Folders of an SFTP server, whose modes fsspec leaves out."""

    def __init__(self, filesystem: Any) -> None:
        self._client = filesystem.ftp

    def entries(self, folder: str) -> list[Entry]:
        found = self._client.listdir_attr(folder)
        return [self._entry(joined(folder, each.filename), each) for each in found]

    def entry(self, path: str) -> Entry:
        """What is at a path; an `OSError` if nothing is."""
        return self._entry(path, self._client.lstat(path))

    def real(self, folder: str) -> str:
        return str(self._client.normalize(folder))

    def _entry(self, path: str, found: Any) -> Entry:
        name = path.rpartition("/")[2]
        is_link = found.st_mode is not None and stat.S_ISLNK(found.st_mode)
        if is_link:
            try:
                found = self._client.stat(path)
            except OSError as error:
                if isinstance(error, (ConnectionError, TimeoutError)):
                    raise
                target = self._client.readlink(path)
                return Entry(name, f"a symbolic link to {target!r}, which leads nowhere", is_link)
        return Entry(name, kind_of_mode(found.st_mode), is_link, found.st_mtime)


class OtherTree:
    """Folders of any other filesystem of fsspec."""

    def __init__(self, filesystem: Any) -> None:
        self._filesystem = filesystem

    def entries(self, folder: str) -> list[Entry]:
        found = self._filesystem.ls(folder, detail=True)
        entries = (other_entry(info) for info in found if info["name"].rstrip("/") != folder)
        return [entry for entry in entries if entry.name]

    def real(self, folder: str) -> str:
        return folder


def other_entry(info: dict[str, Any]) -> Entry:
    """What a backend says of one name."""
    kinds = {"file": "file", "directory": "folder"}
    name = info["name"].rstrip("/").rpartition("/")[2]
    return Entry(name, kinds.get(info["type"], "neither file nor folder"), time=time_of(info))


def time_of(info: dict[str, Any]) -> float | None:
    """When a file was last written, in seconds, where its backend knows."""
    found = next((info[key] for key in time_keys if info.get(key)), None)
    if isinstance(found, str):  # GCS returns its server's text
        found = datetime.fromisoformat(found)
    if isinstance(found, datetime):
        return found.timestamp()
    return None if found is None else float(found)


def listed(
    filesystem: Any, root: str, pattern: Pattern, address: Callable[[str], str]
) -> Iterator[Found]:
    """What matches below `root`, in one listing of all: object stores have no folders."""
    found = filesystem.find(root, maxdepth=pattern.depth, detail=True)
    start = f"{root.rstrip('/')}/" if root else ""
    for path, info in found.items():
        is_file = info["type"] == "file" and path.startswith(start) and not path.endswith("/")
        if is_file and pattern.matches(path[len(start) :]):
            check_name(path)
            yield Found(path, time_of(info), "file", address(path))
