"""Folders, patterns, links and archives on a real SFTP server, which has what local disks have."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from flows.corpus import find_files
from flows.exceptions import CorpusError
from flows.parameters.reading import ReadingOptions
from tests.support.file_servers import sftp, sshd  # noqa: F401 - fixtures

names = ("b.txt", "a10.txt", "a9.txt", "sub/c.md", ".h.txt", "sub/.h/d.txt", "ä b[1]?#%20.txt")
every = ["a10.txt", "a9.txt", "b.txt", "sub/c.md", "ä b[1]?#%20.txt"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of `names`, with their names as content."""
    for name in names:
        (tmp_path / "t" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "t" / name).write_text(name)
    return tmp_path / "t"


@pytest.fixture
def url(sftp: int, folder: Path) -> str:  # noqa: F811
    """Its address."""
    return f"sftp://127.0.0.1:{sftp}{folder}"


def found(corpus: str, **options: object) -> list[str]:
    """The contents of the files of a corpus."""
    files = find_files(corpus, ReadingOptions.model_validate(options))
    return [file.filesystem.cat_file(file.path).decode() for file in files]


def refusal(corpus: str) -> str:
    """The error message for a corpus."""
    with pytest.raises(CorpusError) as caught:
        found(corpus)
    return str(caught.value)


def test_folders_and_patterns_are_found(url: str, folder: Path) -> None:
    """As on a local disk; each file has an address with the server in it."""
    os.utime(folder / "b.txt", (1, 1))

    assert every == found(url) == found(f"{url}/") == found(f"{url}/**")
    assert ["a10.txt", "a9.txt"] == found(f"{url}/a*.txt")
    assert ["sub/c.md"] == found(f"{url}/*/*") == found(url, corpus_pattern="*.md")
    assert "b.txt" == found(url, corpus_order="time")[0]
    assert "a9.txt" == found(url, corpus_order="natural")[0]
    assert f"{url}/a10.txt" == find_files(url)[0].url


def test_archives_are_their_files(url: str, folder: Path) -> None:
    """In a folder and by a chain."""
    with zipfile.ZipFile(folder / "sub/z.zip", "w") as archive:
        archive.writestr("x.txt", "x")
        archive.writestr("y.txt", "y")

    assert ["sub/c.md", "x", "y"] == found(f"{url}/sub")
    assert ["y"] == found(f"zip://y.txt::{url}/sub/z.zip")


def test_what_is_not_there_is_named(url: str) -> None:
    """A file, a folder, a match, an archive."""
    assert f"the corpus {url}/none does not exist" in refusal(f"{url}/none")
    assert f"no file matches {url}/none/*" in refusal(f"{url}/none/*")
    assert "does not exist" in refusal(f"zip://a::{url}/none.zip")
    assert "is a folder: name the archive in it" in refusal(f"zip://a::{url}")
    assert "has a # in its path" in refusal(f"{url}/a#.txt")


@pytest.mark.parametrize("target", ["nowhere", "odd.txt"])
def test_links_that_lead_nowhere_are_named(url: str, folder: Path, target: str) -> None:
    """Alone, in a folder, and in a pattern."""
    (folder / "odd.txt").symlink_to(target)

    for corpus in (f"{url}/odd.txt", url, f"{url}/*.txt"):
        message = refusal(corpus)
        assert f"{url}/odd.txt is neither file nor folder but a symbolic link" in message
        assert f"to '{target}', which leads nowhere" in message


def test_pipes_and_circles_are_named(url: str, folder: Path) -> None:
    """Nothing waits for a writer, and nothing goes round."""
    os.mkfifo(folder / "p.txt")
    for corpus in (f"{url}/p.txt", url, f"{url}/*.txt"):
        assert f"{url}/p.txt is neither file nor folder but a pipe" in refusal(corpus)
    (folder / "p.txt").unlink()

    (folder / "sub/up").symlink_to("..")
    assert f"{url}/sub/up, a symbolic link that leads back to a folder above" in refusal(url)


def test_links_lead_within_the_folder_or_the_list(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server's own links count by where they lead."""
    (folder / "e.txt").symlink_to("b.txt")
    monkeypatch.setenv("RNN_CORPUS_ALLOW", url)
    assert "b.txt" == found(f"{url}/e*")[0]

    (folder / "f").symlink_to("/etc")
    for corpus in (url, f"{url}/**", f"{url}/*/hostname"):
        assert "RNN_CORPUS_ALLOW" in refusal(corpus)
