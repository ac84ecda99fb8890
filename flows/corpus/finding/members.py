"""The members of zip and tar archives: where their bytes are, or why they cannot be read.

Names of members may be hostile. They are only compared, never paths of a disk.
"""

from __future__ import annotations

import math
import posixpath
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

from flows.corpus.finding.listing import kind_of_mode
from flows.corpus.finding.patterns import names_in
from flows.corpus.reading.spool import piece_size

methods = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
encrypted = 0x1 | 0x40 | 0x2000  # flags: of a member, strongly, and of the list of members
most_links = 40  # from one to the next, as in Linux


@dataclass(frozen=True, slots=True)
class Member:
    """A file of an archive."""

    path: str  # without empty names and dots
    size: int
    time: float
    problem: str  # why it cannot be read, if it cannot: "is …"
    place: Any  # what finds its bytes again, by the kind of archive


def zip_members(archive: zipfile.ZipFile) -> Iterator[Member]:
    """All files, in the order of the archive."""
    seen: set[str] = set()
    for info in archive.infolist():
        if not info.is_dir():
            path = "/".join(names_in(info.filename))
            problem = _zip_problem(info) or ("is in it twice" if path in seen else "")
            seen.add(path)
            yield Member(path, info.file_size, _zip_time(info), problem, info)


def _zip_problem(info: zipfile.ZipInfo) -> str:
    if info.flag_bits & encrypted:
        return "is encrypted"
    if info.compress_type not in methods:
        return f"is compressed by a method that is not known here ({info.compress_type})"
    mode = info.external_attr >> 16
    if stat.S_ISLNK(mode):
        return "is a symbolic link"
    kind = kind_of_mode(mode if stat.S_IFMT(mode) else None)
    return "" if kind == "file" else f"is {kind}"


def _zip_time(info: zipfile.ZipInfo) -> float:
    """A number that grows with the time; what an archive has as a date need not be one."""
    total = 0
    for part, base in zip(info.date_time, (1, 13, 32, 24, 60, 62), strict=True):
        total = total * base + part
    return float(total)


def tar_members(stream: BinaryIO) -> list[Member]:
    """All files; of files with one name the last, as when it is unpacked."""
    archive: Any = tarfile.TarFile(fileobj=cast("Any", _Headers(stream)))
    found: dict[str, tarfile.TarInfo] = {}
    while info := archive.next():
        archive.members.clear()  # it keeps all of them otherwise
        found["/".join(names_in(info.name))] = info
    _check_end(stream, archive.offset)
    return [_tar_member(path, found) for path, info in found.items() if not info.isdir()]


class _Headers:
    """A file whose reads are small: the headers of a tar can claim any length."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek = stream.seek
        self.tell = stream.tell

    def read(self, size: int) -> bytes:
        if size > piece_size:
            raise tarfile.ReadError("a header is too long")
        return self._stream.read(size)


def _check_end(stream: BinaryIO, offset: int) -> None:
    """Refuse what tarfile takes for the end of an archive although texts may follow."""
    stream.seek(offset)
    mark = stream.read(tarfile.BLOCKSIZE)
    if len(mark) < tarfile.BLOCKSIZE:
        raise tarfile.ReadError(f"it ends without an end mark, at offset {offset}")
    if any(mark):
        raise tarfile.ReadError(f"the header at offset {offset} is damaged")
    while piece := stream.read(piece_size):
        if any(piece):
            raise tarfile.ReadError("there is more after its end: pack its files as one archive")


def _tar_member(path: str, found: dict[str, tarfile.TarInfo]) -> Member:
    info = found[path]
    time = info.mtime if math.isfinite(info.mtime) else 0.0
    for _ in range(most_links):
        if not (info.issym() or info.islnk()):
            break
        target = _target(info)
        if target not in found:
            return Member(path, 0, time, f"is a link to {info.linkname!r}, no file in it", None)
        info = found[target]
    return Member(path, info.size, time, _tar_problem(info), (info.offset_data, info.size))


def _target(info: tarfile.TarInfo) -> str:
    """The name in the archive that a link leads to; one that leads out of it is none."""
    if info.islnk():
        return "/".join(names_in(info.linkname))
    folder = "/".join(names_in(info.name)[:-1])
    return posixpath.normpath(posixpath.join(folder, info.linkname))


def _tar_problem(info: tarfile.TarInfo) -> str:
    if info.issym() or info.islnk():
        return "is a link that leads back to itself"
    if info.issparse():
        return "is a sparse file, which is not read here"
    if info.isreg():
        return ""
    return "is a folder" if info.isdir() else "is a pipe" if info.isfifo() else "is a device"
