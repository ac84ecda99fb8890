"""An archive is all its texts: never the first alone, never its headers, never what is outside."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from flows.corpus import find_files
from flows.corpus.finding.archives import Archive
from flows.exceptions import CorpusError
from flows.parameters.reading import ReadingOptions
from tests.support.web import FileHandler

members = ("b.txt", "a10.txt", "a9.txt", "sub/c.txt", "sub/d.md", ".h.txt", "__MACOSX/._b.txt")
every = ["a10.txt", "a9.txt", "b.txt", "sub/c.txt", "sub/d.md"]


def zipped(names: tuple[str, ...] = members) -> bytes:
    """A zip of files with their names as content."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in names:
            archive.writestr(name, name)
    return packed.getvalue()


def tarred(*more: tarfile.TarInfo, names: tuple[str, ...] = members) -> bytes:
    """A tar of files with their names as content, and of other entries."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            archive.addfile(info, io.BytesIO(name.encode()))
        for info in more:
            archive.addfile(info)
    return packed.getvalue()


def entry(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """An entry of a tar that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def found(corpus: str, **options: object) -> list[str]:
    """The contents of the files of a corpus."""
    files = find_files(corpus, ReadingOptions.model_validate(options))
    return [file.filesystem.cat_file(file.path).decode() for file in files]


def refusal(corpus: str, **options: object) -> str:
    """The error message for a corpus, one line."""
    with pytest.raises(CorpusError) as caught:
        found(corpus, **options)
    assert 1 == len(str(caught.value).splitlines())
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped()),
        ("A.ZIP", zipped()),
        ("a.tar", tarred()),
        ("a.tar.gz", gzip.compress(tarred(), mtime=0)),
        ("a.tgz", gzip.compress(tarred(), mtime=0)),
        ("a.tar.bz2", bz2.compress(tarred())),
        ("a.TBZ2", bz2.compress(tarred())),
        ("a.tar.xz", lzma.compress(tarred())),
        ("a.txz", lzma.compress(tarred())),
        ("[1] a#?.tar", gzip.compress(tarred(), mtime=0)),
    ],
)
def test_an_archive_is_all_its_files(tmp_path: Path, name: str, data: bytes) -> None:
    """Given itself, in a folder or by a pattern, or by a chain; at its place among other files."""
    (tmp_path / name).write_bytes(data)
    (tmp_path / "0.txt").write_text("0")
    (tmp_path / "z.txt").write_text("z")
    protocol = "zip" if name.lower().endswith("zip") else "tar"
    archive = f"{tmp_path}/{name}"

    assert every == found(archive) == found(f"{protocol}://::{archive}")
    assert ["0", *every, "z"] == found(str(tmp_path)) == found(f"{tmp_path}/*")
    assert ["a10.txt", "a9.txt", "b.txt"] == found(f"{protocol}://*.txt::{archive}")
    assert ["sub/c.txt"] == found(f"{protocol}://sub/c.txt::file://{archive}")
    assert ["sub/c.txt", "sub/d.md"] == found(f"{protocol}://sub::{archive}")
    assert f"{protocol}://b.txt::{archive}" == find_files(archive)[2].url
    assert [archive] == [file.url for file in find_files(archive, unpack=False)]


def test_names_and_order_are_chosen_as_in_a_folder(tmp_path: Path) -> None:
    """The pattern of names is for members too, in archives of a folder and of a chain."""
    (tmp_path / "a.zip").write_bytes(zipped())
    (tmp_path / "c.txt").write_text("c")
    archive = f"{tmp_path}/a.zip"

    assert ["sub/d.md"] == found(archive, corpus_pattern="*.md")
    assert ["sub/d.md"] == found(str(tmp_path), corpus_pattern="*.md")
    assert ["sub/c.txt"] == found(archive, corpus_pattern="sub/*.txt")
    assert ["sub/c.txt"] == found(f"zip://sub::{archive}", corpus_pattern="*.txt")
    assert [".h.txt"] == found(archive, corpus_pattern=".*")
    assert ["a9.txt", "a10.txt"] == found(archive, corpus_order="natural")[:2]
    assert "no file in" in refusal(archive, corpus_pattern="*.none")
    assert "no file matches zip://*.none::" in refusal(f"zip://*.none::{archive}")


@pytest.mark.parametrize("protocol", ["zip", "tar"])
def test_members_are_read_oldest_first_in_order_of_time(tmp_path: Path, protocol: str) -> None:
    """By the times that the archive has of them."""
    with (
        zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped,
        tarfile.open(tmp_path / "a.tar", "w") as tarred,
    ):
        for name, year in (("a", 2003), ("b", 2001), ("d", 2002), ("c", 2002)):
            zipped.writestr(zipfile.ZipInfo(name, (year, 1, 1, 0, 0, 0)), name)
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 1, year
            tarred.addfile(info, io.BytesIO(name.encode()))

    assert list("bcda") == found(f"{tmp_path}/a.{protocol}", corpus_order="time")


@pytest.mark.parametrize("pack", [zipped, lambda names: tarred(names=names)], ids=["zip", "tar"])
def test_hostile_names_are_only_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[..., bytes]
) -> None:
    """What leads out of the archive on a disk leads nowhere here; nothing is written or listed."""
    names = ("../up.txt", "/etc/passwd", "a::/etc/passwd", "c\x1b[2J\n.txt", "zip://b", "d//./e")
    (tmp_path / "here").mkdir()
    (tmp_path / "here/a.zip").write_bytes(pack(names=names))
    (tmp_path / "here/a.tar").write_bytes(pack(names=names))
    (tmp_path / "up.txt").write_text("outside")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("RNN_CORPUS_ALLOW", str(tmp_path / "here"))

    assert sorted(names) == sorted(found("a.zip" if pack is zipped else "a.tar"))
    assert {"here", "up.txt"} == {path.name for path in tmp_path.iterdir()}


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        (entry("x", tarfile.SYMTYPE, "/etc/passwd"), "is a link to '/etc/passwd', no file in it"),
        (entry("x", tarfile.SYMTYPE, "../b.txt"), "is a link to '../b.txt', no file in it"),
        (entry("x", tarfile.LNKTYPE, "none"), "is a link to 'none', no file in it"),
        (entry("x", tarfile.SYMTYPE, "x"), "is a link that leads back to itself"),
        (entry("x", tarfile.FIFOTYPE), "is a pipe"),
        (entry("x", tarfile.CHRTYPE), "is a device"),
        (entry("x", tarfile.BLKTYPE), "is a device"),
    ],
)
def test_what_is_no_file_in_a_tar_is_named(
    tmp_path: Path, more: tarfile.TarInfo, problem: str
) -> None:
    """Where it is among the files that are asked for."""
    archive = tmp_path / "a.tar"
    archive.write_bytes(tarred(more))

    assert f"tar://x::{archive} {problem}" in refusal(str(archive))
    assert 4 == len(found(str(archive), corpus_pattern="*.txt"))


def test_links_within_a_tar_are_followed(tmp_path: Path) -> None:
    """Symbolic ones from their folder, hard ones from the top; also one to another."""
    links = (
        entry("sub/soft.txt", tarfile.SYMTYPE, "../b.txt"),
        entry("hard.txt", tarfile.LNKTYPE, "sub/c.txt"),
        entry("again.txt", tarfile.SYMTYPE, "./sub/soft.txt"),
    )
    (tmp_path / "a.tar").write_bytes(tarred(*links))

    for name, text in (("sub/soft", "b.txt"), ("hard", "sub/c.txt"), ("again", "b.txt")):
        assert [text] == found(f"tar://{name}.txt::{tmp_path}/a.tar")


def with_header(data: bytes, offset: int, value: int) -> bytes:
    """A zip whose members have another byte in both their headers."""
    changed = bytearray(data)
    for magic, start in ((b"PK\x03\x04", 4), (b"PK\x01\x02", 6)):
        at = -1
        while (at := data.find(magic, at + 1)) >= 0:
            changed[at + start + offset] = value
    return bytes(changed)


def zip_of(info: zipfile.ZipInfo) -> bytes:
    """A zip of one member."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, "x")
    return packed.getvalue()


def unix(mode: int) -> zipfile.ZipInfo:
    """A member with a mode of Unix."""
    info = zipfile.ZipInfo("x")
    info.create_system, info.external_attr = 3, mode << 16
    return info


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (with_header(zipped(), 2, 1), "is encrypted: unpack the archive with its password"),
        (zip_of(unix(0o120777)), "is a symbolic link"),
        (zip_of(unix(0o010644)), "is a pipe"),
        (zipped(("x", "y")).replace(b"y", b"x"), "is in it twice"),
        (with_header(zipped(), 4, 99), "is compressed by a method that is not known here (99)"),
        (zipped()[:-30], "is no zip archive that can be read"),
        (tarred(), "is no zip archive that can be read"),
        (b"", "is no zip archive that can be read"),
        (zipped(()), "no file in"),
    ],
    ids=["encrypted", "link", "pipe", "twice", "method", "cut", "tar", "empty", "without files"],
)
def test_a_zip_that_cannot_be_read_is_refused(tmp_path: Path, data: bytes, problem: str) -> None:
    """By name, before anything of it is read."""
    (tmp_path / "a.zip").write_bytes(data)
    message = refusal(f"{tmp_path}/a.zip")

    assert problem in message
    assert f"{tmp_path}/a.zip" in message


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (tarred()[:700], "unexpected end of data"),
        (tarred()[: 2 * 1024], "it ends without an end mark, at offset 2048"),
        (tarred()[:1024] + b"x" * 512 + tarred()[1536:], "the header at offset 1024 is damaged"),
        (tarred() + tarred(), "there is more after its end"),
        (gzip.compress(tarred(), mtime=0)[:-9], "is truncated"),
        (zipped(), "is no tar archive that can be read"),
        (b"", "is no tar archive that can be read"),
        (bytes(10240), "no file in"),
    ],
    ids=["in a file", "between files", "header", "two", "gzip", "zip", "empty", "without files"],
)
def test_a_tar_that_cannot_be_read_whole_is_refused(
    tmp_path: Path, data: bytes, problem: str
) -> None:
    """Where tarfile would stop without a word, the files after it would be missing."""
    (tmp_path / "a.tar").write_bytes(data)

    assert problem in refusal(f"{tmp_path}/a.tar")


def test_a_header_that_claims_a_long_name_is_refused(tmp_path: Path) -> None:
    """Before it is in memory."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 2**32
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(2**20))

    assert "a header is too long" in refusal(f"{tmp_path}/a.tar")


def test_a_chain_leads_through_archives_in_archives(tmp_path: Path) -> None:
    """One archive at each link."""
    (tmp_path / "inner.zip").write_bytes(zipped())
    with tarfile.open(tmp_path / "outer.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "inner.zip", "in/inner.zip")
        archive.add(tmp_path / "inner.zip", "in/other.zip")
    chain = f"::{tmp_path}/outer.tar.gz"

    assert ["sub/c.txt"] == found(f"zip://sub/c.txt::tar://in/inner.zip{chain}")
    assert "leads through 2 files" in refusal(f"zip://*.txt::tar://in/*.zip{chain}")
    assert "the archive has 2 files, such as 'in/inner.zip'" in refusal(f"tar://none{chain}")


def test_an_archive_elsewhere_is_read_like_a_local_one() -> None:
    """In a folder too; its files are named behind its address."""
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/packed/a.tgz", gzip.compress(tarred(), mtime=0))
    memory.pipe_file("/packed/b.zip", zipped())

    assert every * 2 == found("memory://packed")
    assert ["b.txt"] == found("zip://b.txt::memory://packed/b.zip")
    assert "tar://a10.txt::memory://packed/a.tgz" == find_files("memory://packed")[0].url
    memory.rm("/packed", recursive=True)


def test_an_archive_on_a_web_server_without_ranges_is_fetched_once(
    tmp_path: Path, web: str
) -> None:
    """However many addresses lead into it; its query is not part of its name."""
    (tmp_path / "a.zip").write_bytes(zipped())
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(tarred(), mtime=0))

    assert every == found(f"{web}/a.zip?raw=1")
    assert every == found(f"{web}/a.tar.gz")
    FileHandler.asked.clear()
    corpus = [f"zip://{name}::{web}/a.zip" for name in every]
    files = find_files(corpus)
    assert every == [file.filesystem.cat_file(file.path).decode() for file in files]
    assert ["/a.zip"] == FileHandler.asked


def test_an_archive_counts_against_the_largest_size(tmp_path: Path) -> None:
    """While it is decompressed: a bomb ends there."""
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(bytes(10**7)))

    assert "reading.maximum_bytes" in refusal(f"{tmp_path}/a.tar.gz", maximum_bytes=10**6)


def test_an_archive_that_is_changed_after_it_was_found_is_refused(tmp_path: Path) -> None:
    """The names of its files may be those of others now."""
    path = tmp_path / "a.tar"
    path.write_bytes(tarred())
    file = find_files(str(path))[0]
    path.write_bytes(tarred(names=("a10.txt",)))

    with pytest.raises(CorpusError, match="was changed while it was read"):
        file.filesystem.open(file.path)


def test_any_number_of_archives_keeps_one_open(tmp_path: Path) -> None:
    """So that a folder of them is no reason to run out of files."""
    for number in range(300):
        (tmp_path / f"{number:03}.zip").write_bytes(zipped(("a",)))
    before = len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").exists() else 0

    files = find_files(str(tmp_path))

    assert ["a"] * 300 == [file.filesystem.cat_file(file.path).decode() for file in files]
    if before:
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 10


def test_members_of_two_archives_can_be_read_side_by_side(tmp_path: Path) -> None:
    """A stream goes on when another archive is opened."""
    for name in ("a.zip", "b.zip"):
        (tmp_path / name).write_bytes(zipped())
    first, second = (find_files(f"zip://b.txt::{tmp_path}/{name}.zip")[0] for name in "ab")

    with first.filesystem.open(first.path) as one, second.filesystem.open(second.path) as other:
        assert (b"b", b"b.txt", b".txt") == (one.read(1), other.read(), one.read())
    assert isinstance(first.filesystem, Archive)
    with pytest.raises(FileNotFoundError):
        first.filesystem.open("none")
