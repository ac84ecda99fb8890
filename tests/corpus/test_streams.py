"""The stored bytes of a file come in pieces, unchanged, from every kind of filesystem."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import fsspec
import pytest

from flows.corpus import find_files
from flows.corpus.files import SourceFile
from flows.corpus.reading import streams
from flows.corpus.reading.budget import Budget
from flows.corpus.reading.streams import raw_pieces
from flows.exceptions import CorpusError, CorpusUnavailable, LimitExceeded

data = Random(1).randbytes(3_500_001)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new try begins at once."""
    monkeypatch.setattr(streams, "pause", 0.0)


def local(folder: Path) -> str:
    """The address of a local file."""
    (folder / "a.txt").write_bytes(data)
    return f"{folder}/a.txt"


def in_memory(folder: Path) -> str:
    """The address of a file in memory."""
    fsspec.filesystem("memory").pipe_file(f"{folder}/a.txt", data)
    return f"memory:/{folder}/a.txt"


def in_zip(folder: Path) -> str:
    """The address of a member of a zip file."""
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", data)
    return f"zip://a.txt::{folder}/a.zip"


def in_tar(folder: Path) -> str:
    """The address of a member of a tar file."""
    with tarfile.open(folder / "a.tar", "w") as archive:
        member = tarfile.TarInfo("a.txt")
        member.size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return f"tar://a.txt::{folder}/a.tar"


places = pytest.mark.parametrize("place", [local, in_memory, in_zip, in_tar])


def found(url: str) -> SourceFile:
    """The file at an address."""
    (file,) = find_files(url)
    return file


@places
def test_a_file_is_read_in_pieces(place: Callable[[Path], str], tmp_path: Path) -> None:
    """Of a mebibyte at most; all are counted."""
    budget = Budget(len(data))
    pieces = list(raw_pieces(found(place(tmp_path)), budget))

    assert data == b"".join(pieces)
    assert max(map(len, pieces)) <= 2**20
    assert len(data) == budget.bytes_read


@places
def test_reading_ends_with_the_budget(place: Callable[[Path], str], tmp_path: Path) -> None:
    """In one sentence with the option's name."""
    file = found(place(tmp_path))
    with pytest.raises(CorpusError, match=rf"reading.maximum_bytes, 1,000 .* at .*{file.url}:"):
        list(raw_pieces(file, Budget(1000)))


def test_the_budget_is_that_of_all_files(tmp_path: Path) -> None:
    """What is left after the first is too little for the second."""
    file, budget = found(local(tmp_path)), Budget(2 * len(data) - 1)

    list(raw_pieces(file, budget))
    with pytest.raises(CorpusError, match=r"exceeds reading.maximum_bytes, 7,000,001 bytes read"):
        next(raw_pieces(file, budget))


def append(path: Path) -> None:
    """Make a file longer."""
    with path.open("ab") as stream:
        stream.write(b"x")


def overwrite(path: Path) -> None:
    """Change a byte of a file, and set its time back to what it was."""
    before = path.stat()
    with path.open("r+b") as stream:
        stream.write(b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replace(path: Path) -> None:
    """Put another file, with the same content, in its place."""
    (path.parent / "new").write_bytes(path.read_bytes())
    (path.parent / "new").replace(path)


@pytest.mark.parametrize("change", [append, overwrite, replace])
@pytest.mark.parametrize("place", [local, in_tar, in_zip])
def test_a_file_that_is_changed_while_it_is_read_is_refused(
    change: Callable[[Path], None], place: Callable[[Path], str], tmp_path: Path
) -> None:
    """With its name; an archive is such a file, too."""
    url = place(tmp_path)
    file = found(url)
    pieces = raw_pieces(file, Budget(10**9))
    next(pieces)
    change(Path(url.rpartition("::")[2]))

    with pytest.raises(CorpusError, match=f"{file.url} was changed while it was read"):
        list(pieces)


def test_a_file_in_memory_that_is_replaced_while_it_is_read_is_refused(tmp_path: Path) -> None:
    """By the times that its filesystem has."""
    url = in_memory(tmp_path)
    pieces = raw_pieces(found(url), Budget(10**9))
    next(pieces)
    in_memory(tmp_path)

    with pytest.raises(CorpusError, match="was changed while it was read"):
        list(pieces)


def test_a_local_file_that_goes_is_told_of(tmp_path: Path) -> None:
    """Before it is opened, and while it is read."""
    url = local(tmp_path)
    file = found(url)
    pieces = raw_pieces(file, Budget(10**9))
    next(pieces)
    Path(url).unlink()

    for rest in (pieces, raw_pieces(file, Budget(10**9))):
        with pytest.raises(CorpusError, match=f"the corpus {url} does not exist"):
            list(rest)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """It would never end, nor begin."""
    os.mkfifo(tmp_path / "pipe")
    file = SourceFile("pipe", fsspec.filesystem("file"), f"{tmp_path}/pipe")

    with pytest.raises(CorpusError, match="the corpus pipe is no regular file"):
        list(raw_pieces(file, Budget(10**9)))


class Breaking:
    """A filesystem of fsspec whose files break after some bytes, a number of times."""

    protocol = "breaking"

    def __init__(self, times: int, after: int) -> None:
        self.left, self._after, self.opened = times, after, 0

    def invalidate_cache(self) -> None:
        """Nothing is kept."""

    def info(self, path: str) -> dict[str, Any]:
        """Always the same."""
        return {"name": path, "size": len(data)}

    def open(self, path: str, *arguments: Any, **options: Any) -> io.BytesIO:
        """A file that may break."""
        del path, arguments, options
        self.opened += 1
        filesystem = self

        class File(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if filesystem.left and self.tell() >= filesystem._after * filesystem.opened:
                    filesystem.left -= 1
                    raise ConnectionResetError("reset by peer")
                return super().read(size)

        return File(data)


def test_a_connection_that_breaks_is_renewed_as_long_as_it_brings_something() -> None:
    """From where it broke. After two in a row that bring nothing the task may be tried again, but
    not in the middle of a file.
    """
    breaking = Breaking(times=3, after=1_000_000)
    assert data == b"".join(raw_pieces(SourceFile("a", breaking, "a"), Budget(len(data))))
    assert 4 == breaking.opened

    breaking = Breaking(times=99, after=0)
    with pytest.raises(CorpusError, match=r"the corpus a cannot be read .reset by peer") as caught:
        list(raw_pieces(SourceFile("a", breaking, "a"), Budget(len(data))))
    assert isinstance(caught.value, CorpusUnavailable)
    assert 2 == breaking.opened

    breaking = Breaking(times=99, after=1_000_000)
    breaking._after = 3_000_000
    read = raw_pieces(SourceFile("a", breaking, "a"), Budget(len(data)))
    assert next(read)
    breaking._after = 0
    with pytest.raises(CorpusError, match="reset by peer") as caught:
        list(read)
    assert not isinstance(caught.value, CorpusUnavailable)


def test_room_on_the_disk_is_looked_for_before_it_is_needed(tmp_path: Path) -> None:
    """On the disk of a folder that may still have to be made; not for a file that stays where it is."""
    folder = tmp_path / "not yet/made"
    budget = Budget(2**62, lambda: folder)
    budget.expect(1000, "a")
    budget.expect(2**60, "a", is_local=True)
    with pytest.raises(LimitExceeded, match=f"bytes on the disk of {folder}, which has "):
        budget.expect(2**60, "a")
