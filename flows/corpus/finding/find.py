"""Finding the files of a corpus: addresses, patterns, folders, archives, or a list of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import fsspec

from flows.corpus.files import SourceFile, reading
from flows.corpus.finding.archives import Archive, archive_protocol, protocols
from flows.corpus.finding.credentials import check_options, options_for
from flows.corpus.finding.listing import Found, unreadable
from flows.corpus.finding.local import find_local, no_match, one_local
from flows.corpus.finding.ordering import in_order
from flows.corpus.finding.remote import check_start, find_remote, one_remote, stores
from flows.corpus.reading import streams
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.clients import client_options, with_limits
from flows.corpus.reading.spool import Spool
from flows.exceptions import CorpusError, CorpusUnavailable
from flows.parameters.reading import ReadingOptions
from flows.storage.boundary import check_allowed, check_host, expanded
from flows.storage.urls import check_url, local_protocols, protocol_of, public_url, urls_of


def find_files(
    corpus: str | Sequence[str],
    options: ReadingOptions = ReadingOptions(),
    storage_options: Mapping[str, Any] | None = None,
    *,
    unpack: bool = True,
) -> list[SourceFile]:
    """The files that `corpus` names: of a list in its order, of a pattern or folder as `options` say.

    Archives are their members; with `unpack=False` they are files. `storage_options` are those of
    the filesystem that the last link of an address is on. `CorpusError` names what is not there,
    and what is there and cannot be read as a file.
    """
    urls = urls_of(corpus)
    if not urls:
        raise CorpusError("the corpus is an empty list: give at least one path or URL")
    for url in urls:
        check_url(url, "corpus", CorpusError)
    finder = _Finder(options, check_options(storage_options, urls), unpack=unpack)
    return [file for url in urls for file in finder.find(url)]


class _Finder:
    """What the addresses of one corpus share: options, and the archives that they are in."""

    def __init__(
        self, options: ReadingOptions, storage_options: Mapping[str, Any], *, unpack: bool
    ) -> None:
        self._options = options
        self._storage_options = storage_options
        self._unpack = unpack
        self._spool = Spool()
        self._budget = Budget(options.maximum_bytes)
        self._archives: dict[str, Archive] = {}  # of chains: several may lead into one

    def find(self, url: str) -> list[SourceFile]:
        """The files of one address; there is at least one."""
        *outer, link = url.split("::")
        check_host(url, "corpus", CorpusError)
        expanded(link, "corpus", CorpusError)  # it is sent later, but refused now
        found = partial(self._chained, url, outer) if outer else partial(self._plain, url)
        files = _twice(url, lambda: reading(public_url(url), lambda: list(found())))
        if files:
            return files
        if "*" in url.rpartition("::")[0]:
            raise no_match(public_url(url))
        raise CorpusError(
            f"no file in {public_url(url)} matches {self._options.corpus_pattern!r}, the pattern of"
            " its files (hidden ones are left out): give another folder, or another"
            " reading.corpus_pattern"
        )

    def _plain(self, url: str) -> Iterator[SourceFile]:
        """What an address without a chain names, archives unpacked."""
        names = self._options.corpus_pattern
        if protocol_of(url) in local_protocols:
            filesystem, found = _local(), find_local(url, names)
        else:
            check_start(url)
            filesystem, path = self._filesystem(url)
            found = find_remote(url, filesystem, path, names)
        _check_kinds(found)
        for each in _ordered(found, self._options, public_url(url)):
            file = SourceFile(each.url, filesystem, each.path)
            protocol = archive_protocol(_name(file))
            if protocol and self._unpack:
                yield from Archive(file, protocol, self._spool, self._budget).files(
                    "", self._options
                )
            else:
                yield file

    def _chained(self, url: str, outer: list[str]) -> list[SourceFile]:
        """What a chain such as `zip://*.txt::a.zip` names."""
        link = url.rpartition("::")[2]
        check_allowed(link, "corpus", CorpusError)
        links = [each.partition("://") for each in outer]
        if any(protocol not in protocols for protocol, _, _ in links):
            return self._foreign(url)
        files = [self._one(link)]
        if not self._unpack:
            return files
        for protocol, _, inside in reversed(links):
            if len(files) > 1:
                raise CorpusError(
                    f"the corpus {public_url(url)} leads through {len(files)} files: name the one"
                    " archive that the others are in"
                )
            files = self._archive(files[0], protocol).files(inside, self._options)
        return files

    def _archive(self, file: SourceFile, protocol: str) -> Archive:
        key = f"{protocol} {file.url} {file.path}"
        if key not in self._archives:
            self._archives[key] = Archive(file, protocol, self._spool, self._budget)
        return self._archives[key]

    def _one(self, link: str) -> SourceFile:
        """The file that the last link of a chain names."""
        if protocol_of(link) in local_protocols:
            filesystem, found = _local(), one_local(link)
        else:
            filesystem, path = self._filesystem(link)
            found = one_remote(link, filesystem, path)
        if found.kind == "folder":
            raise CorpusError(f"the corpus {found.url} is a folder: name the archive in it")
        _check_kinds([found])
        return SourceFile(found.url, filesystem, found.path)

    def _foreign(self, url: str) -> list[SourceFile]:
        """What a chain of other protocols names, which the operator has added."""
        link = url.rpartition("::")[2]
        filesystem, path = fsspec.core.url_to_fs(url, **{protocol_of(url): self._options_of(link)})
        if "*" not in url.rpartition("::")[0]:
            return [SourceFile(public_url(url), filesystem, path)]
        found = sorted(match for match in filesystem.glob(path) if filesystem.isfile(match))
        return [
            SourceFile(public_url(filesystem.unstrip_protocol(each)), filesystem, each)
            for each in found
        ]

    def _filesystem(self, link: str) -> tuple[Any, str]:
        if "#" in link and protocol_of(link) == "sftp":  # fsspec takes it for an option
            raise CorpusError(
                f"the corpus {public_url(link)}#… has a # in its path, which ends it in a URL: name"
                " its folder, and the file by reading.corpus_pattern"
            )
        filesystem, path = fsspec.core.url_to_fs(link, **self._options_of(link))
        return with_limits(filesystem), path

    def _options_of(self, link: str) -> dict[str, Any]:
        options = options_for(link, self._storage_options) | client_options(link)
        if protocol_of(link) in stores:
            options["use_listings_cache"] = False  # a corpus changes while a process lives
        return options


def _twice(url: str, find: Callable[[], list[SourceFile]]) -> list[SourceFile]:
    """What `find` returns, at its second try if a server did not answer; then no task tries more."""
    protocol = protocol_of(url)
    if protocol in local_protocols:
        return find()
    if protocol not in stores:  # whose clients try twice themselves
        with suppress(CorpusUnavailable):
            return find()
        time.sleep(streams.pause)
    try:
        return find()
    except CorpusUnavailable as error:
        problem = CorpusError(str(error))
    raise problem


def _local() -> Any:
    return fsspec.filesystem("file")


def _name(file: SourceFile) -> str:
    """The name that tells an archive: of a web server without the query."""
    return file.url if protocol_of(file.url) in {"http", "https"} else file.path


def _ordered(found: Sequence[Found], options: ReadingOptions, where: str) -> Sequence[Found]:
    return in_order(
        found,
        options.corpus_order,
        where,
        path=lambda each: each.path,
        time=lambda each: each.time,
    )


def _check_kinds(found: Sequence[Found]) -> None:
    """Refuse, by name, what is no file: never opened, since that may wait for ever."""
    odd = [each for each in found if each.kind != "file"]
    if not odd:
        return
    first = min(odd, key=lambda each: each.path)
    name = first.url
    more = f", as {len(odd) - 1} more are" if len(odd) > 1 else ""
    if first.kind == unreadable:
        raise CorpusError(
            f"the corpus {name} may not be read: permission denied{more}: give this user access"
        )
    raise CorpusError(
        f"the corpus {name} is neither file nor folder but {first.kind}{more}: name files, or a"
        " pattern that leaves it out"
    )
