"""Archives of texts: zip and tar, also compressed, as filesystems of their members."""

from __future__ import annotations

import tarfile
import zipfile
from functools import lru_cache
from typing import IO, Any, ClassVar

from fsspec.implementations.local import LocalFileSystem

from flows.corpus.files import SourceFile
from flows.corpus.finding.members import Member, tar_members, zip_members
from flows.corpus.finding.ordering import in_order
from flows.corpus.finding.patterns import Pattern, any_folders, below, names_in
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.compression import decompressed, magic, magic_size
from flows.corpus.reading.spool import LocalArchive, Place, Spool
from flows.corpus.reading.streams import raw_pieces
from flows.exceptions import CorpusError
from flows.parameters.reading import ReadingOptions

endings = (
    *("zip", "tar", "tar.gz", "tgz", "tar.bz2", "tbz2", "tbz"),
    *("tar.xz", "txz", "tar.zst", "tzst"),
)
protocols = ("zip", "tar")
left_out = "__MACOSX"  # what a Mac adds to a zip


def archive_protocol(path: str) -> str | None:
    """The protocol of the members of a file that is named like an archive.

    >>> [archive_protocol(path) for path in ("a.zip", "b/A.TAR.GZ", "zip", "a.txt.gz")]
    ['zip', 'tar', None, None]
    """
    found = next((each for each in endings if path.lower().endswith(f".{each}")), None)
    return None if found is None else "zip" if found == "zip" else "tar"


@lru_cache(maxsize=64)
def in_folder(names: str) -> Pattern:
    """What a folder has: files of these names, and archives, whose members have these names."""
    letters = "".join
    archives = (letters(f"[{c}{c.upper()}]" if c.isalpha() else c for c in e) for e in endings)
    return Pattern(below(names), *(f"{any_folders}/*.{ending}" for ending in archives))


class Archive:
    """The files of an archive, with as much of a filesystem as reading them needs."""

    # The one zip file that is kept open: a folder may have any number of them.
    _latest: ClassVar[tuple[Archive, zipfile.ZipFile] | None] = None

    def __init__(self, file: SourceFile, protocol: str, spool: Spool, budget: Budget) -> None:
        self.file = file
        self.protocol = protocol
        try:
            self._stored = _stored(file, protocol, spool, budget)
            found = zip_members(self._zip()) if protocol == "zip" else self._tar()
            self._members = {member.path: member for member in found}
        except (zipfile.BadZipFile, tarfile.TarError) as error:
            problem = f"{error}".lower()
        else:
            return
        raise CorpusError(
            f"the corpus {file.url} is no {protocol} archive that can be read ({problem}): check"
            " the file"
        )

    def files(self, inside: str, options: ReadingOptions) -> list[SourceFile]:
        """The files that a path, folder or pattern in it names, in order; not those of a Mac."""
        members = self._named("/".join(names_in(inside)), options.corpus_pattern)
        for member in members:
            if member.problem:
                raise self._unreadable(member)
        ordered = in_order(
            members,
            options.corpus_order,
            self.file.url,
            path=lambda member: member.path,
            time=lambda member: member.time,
        )
        return [SourceFile(self._url(member.path), self, member.path) for member in ordered]

    def open(self, path: str, mode: str = "rb", **_: object) -> IO[bytes]:
        """The bytes of a member."""
        member = self._members.get(path)
        if member is None or mode != "rb":
            raise FileNotFoundError(path)
        if self.protocol == "zip":
            return self._zip().open(member.place)
        return self._stored.place().part(*member.place).open()

    def cat_file(self, path: str) -> bytes:
        """The whole of a member."""
        with self.open(path) as stream:
            return stream.read()

    def info(self, path: str) -> dict[str, Any]:
        """Name and size of a member, and the times of the archive, which say more than its own."""
        facts = self._stored.facts()
        return {"name": path, "size": self._members[path].size, "type": "file", **facts}

    def invalidate_cache(self) -> None:
        """Nothing is cached but names, which are checked when the archive is opened again."""

    def _named(self, inside: str, names: str) -> list[Member]:
        if inside in self._members:
            return [self._members[inside]]
        start = f"{inside}/" if inside else ""
        shown = [m for path, m in self._members.items() if left_out not in path.split("/")]
        inner = [member for member in shown if member.path.startswith(start)]
        if inner:
            pattern = Pattern(below(names))
            return [member for member in inner if pattern.matches(member.path[len(start) :])]
        if "*" in inside:
            pattern = Pattern(inside)
            return [member for member in shown if pattern.matches(member.path)]
        if not inside:
            return []  # an empty archive
        some = f", such as {shown[0].path!r}" if shown else ""
        raise CorpusError(
            f"the corpus {self._url(inside)} does not exist: the archive has"
            f" {len(shown):,} files{some}"
        )

    def _tar(self) -> list[Member]:
        with self._stored.place().open() as stream:
            return tar_members(stream)

    def _zip(self) -> zipfile.ZipFile:
        latest = Archive._latest
        if latest is None or latest[0] is not self:
            latest = self, zipfile.ZipFile(self._stored.place().open())
            Archive._latest = latest  # what is being read of the one before stays open until then
        return latest[1]

    def _url(self, path: str) -> str:
        return f"{self.protocol}://{path}::{self.file.url}"

    def _unreadable(self, member: Member) -> CorpusError:
        advice = (
            "unpack the archive with its password, and name its files"
            if "encrypted" in member.problem
            else "pack the archive without it, or leave it out by reading.corpus_pattern"
        )
        return CorpusError(f"the corpus {self._url(member.path)} {member.problem}: {advice}")


def _stored(file: SourceFile, protocol: str, spool: Spool, budget: Budget) -> LocalArchive | Place:
    """Where the archive's own bytes can be read in any order: where they are, or in the spool."""
    if isinstance(file.filesystem, LocalFileSystem):
        archive = LocalArchive(file.path)
        with archive.place().open() as stream:
            is_packed = protocol == "tar" and magic.match(stream.read(magic_size))
        if not is_packed:
            return archive
    pieces = raw_pieces(file, budget)
    return spool.add(decompressed(pieces, file.url, budget) if protocol == "tar" else pieces)
