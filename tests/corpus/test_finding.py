"""A corpus is a file, a list, a pattern or a folder, on any kind of disk; each finds what it names."""

from __future__ import annotations

import hashlib
import os
import socket
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from glob import glob
from operator import itemgetter
from pathlib import Path
from threading import Thread

import fsspec
import pytest

from flows.corpus import find_files, fingerprints
from flows.corpus.finding.ordering import Order, in_order
from flows.corpus.reading import streams
from flows.exceptions import CorpusError, CorpusUnavailable
from flows.parameters.reading import ReadingOptions
from tests.support.fault_server import FaultServer, Request, head

texts = ("b.txt", "a10.txt", "a9.txt", "c.md", "sub/d.txt", "sub/.hidden/e.txt", ".f.txt")


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a folder with `texts`, each with its name as content."""
    if request.param == "local":
        for name in texts:
            write(tmp_path / name, name)
        yield str(tmp_path)
        return
    memory = fsspec.filesystem("memory")
    for name in texts:
        memory.pipe_file(f"/folder/{name}", name.encode())
    yield "memory://folder"
    memory.rm("/folder", recursive=True)


def write(path: Path, text: str) -> None:
    """Make a file and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def found(corpus: str | list[str], **options: object) -> list[str]:
    """The contents of the files of a corpus."""
    files = find_files(corpus, ReadingOptions.model_validate(options))
    return [file.filesystem.cat_file(file.path).decode() for file in files]


def refusal(corpus: str | list[str], **options: object) -> str:
    """The error message for a corpus, one line, which trying again will not change."""
    with pytest.raises(CorpusError) as caught:
        found(corpus, **options)
    assert not isinstance(caught.value, CorpusUnavailable)
    assert 1 == len(str(caught.value).splitlines())
    return str(caught.value)


def test_a_list_keeps_its_order(folder: str) -> None:
    """Each address of it is found by itself, also one that is given twice."""
    corpus = [f"{folder}/b.txt", f"{folder}/a*.txt", f"{folder}/b.txt"]

    assert ["b.txt", "a10.txt", "a9.txt", "b.txt"] == found(corpus)


def test_a_folder_is_read_with_all_that_is_below_it(folder: str) -> None:
    """In the order of paths, by code points; without hidden files and folders."""
    expected = ["a10.txt", "a9.txt", "b.txt", "c.md", "sub/d.txt"]

    assert expected == found(folder) == found(f"{folder}/")
    assert [f"{folder}/{name}" for name in expected] == [file.url for file in find_files(folder)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["b.txt", "a10.txt", "a9.txt", "sub/d.txt"]),
        ("a?.txt", ["a9.txt"]),
        ("[bc].*", ["b.txt", "c.md"]),
        ("sub/*", ["sub/d.txt"]),
        ("/sub/*.txt", ["sub/d.txt"]),
        ("./*.md", ["c.md"]),
        ("**/d.txt", ["sub/d.txt"]),
        ("sub/**", ["sub/d.txt"]),
        (".*", [".f.txt"]),
        ("*/.hidden/*", ["sub/.hidden/e.txt"]),
    ],
)
def test_a_pattern_of_names_chooses_in_a_folder(
    folder: str, pattern: str, expected: list[str]
) -> None:
    """Of names at any depth, or of relative paths if it has a slash; hidden ones need their dot."""
    assert sorted(expected) == sorted(found(folder, corpus_pattern=pattern))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.txt", ["a10.txt", "a9.txt", "b.txt"]),
        ("*", ["a10.txt", "a9.txt", "b.txt", "c.md"]),
        ("**/*.txt", ["a10.txt", "a9.txt", "b.txt", "sub/d.txt"]),
        ("**", ["a10.txt", "a9.txt", "b.txt", "c.md", "sub/d.txt"]),
        ("s*/*", ["sub/d.txt"]),
        ("*/", ["sub/d.txt"]),
        (".*", [".f.txt"]),
    ],
)
def test_an_address_may_be_a_pattern(folder: str, pattern: str, expected: list[str]) -> None:
    """As in a shell: a star matches no slash and no hidden name; folders that match are no files."""
    assert expected == found(f"{folder}/{pattern}")


@pytest.mark.parametrize(("order", "first"), [("name", "a10.txt"), ("natural", "a9.txt")])
def test_numbers_in_names_count_by_their_value_in_natural_order(
    folder: str, order: str, first: str
) -> None:
    """The order holds within a folder and within a pattern."""
    for corpus in (folder, f"{folder}/*.txt"):
        assert first == found(corpus, corpus_order=order)[0]


def test_files_are_read_oldest_first_in_order_of_time(tmp_path: Path) -> None:
    """By the time of the last change; files of one time in the order of names."""
    for name, time in (("a", 30), ("b", 10), ("d", 20), ("c", 20)):
        write(tmp_path / name, name)
        os.utime(tmp_path / name, (time, time))

    assert list("bcda") == found(str(tmp_path), corpus_order="time")
    assert list("abcd") == found(str(tmp_path))


def test_an_order_by_time_needs_times() -> None:
    """Where a server gives none, the message says what to choose instead."""
    none: list[tuple[str, float | None]] = [("a", 1.0), ("b", None)]

    def ordered(order: Order) -> list[str]:
        files = in_order(none, order, "http://h/*", path=itemgetter(0), time=itemgetter(1))
        return [path for path, _ in files]

    assert ["a", "b"] == ordered("name")
    with pytest.raises(CorpusError, match=r"http://h/\* has no times .*: choose name or natural"):
        ordered("time")


@pytest.mark.parametrize(
    "name",
    [
        *("null", "2024", "true", "a b", "a%20b", "100%", 'q"', "a#b", "a?b", "a;b=c", "a\nb"),
        *("[draft] a", "[ab]", "{x}", "a*b", "-", "~x", "a:b", "ünï\u2028", "'", "\\", "a\x1b[2Jb"),
    ],
)
def test_any_name_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Given as a relative path, an absolute one or a URL, by its folder or by a pattern."""
    write(tmp_path / "in" / name, "text")
    write(tmp_path / "in/.b", "other")
    monkeypatch.chdir(tmp_path / "in")
    addresses = [f"./{name}", f"{tmp_path}/in/{name}", f"file://{tmp_path}/in/{name}"]

    for corpus in (*addresses, name, ".", "*", f"{tmp_path}/in", f"file://{tmp_path}/in/*"):
        assert ["text"] == found(corpus)


def test_a_name_that_would_chain_addresses_is_refused(tmp_path: Path) -> None:
    """By its folder too: as an address it would lead somewhere else."""
    write(tmp_path / "a::b", "text")

    for corpus in (str(tmp_path), f"{tmp_path}/*"):
        assert "a::b, whose '::' chains URLs: rename it" in refusal(corpus)


@pytest.mark.parametrize("start", ["", "./", "sub/../"])
def test_brackets_of_the_working_folder_are_no_pattern(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    """A relative pattern reads nothing of a neighbour that the brackets would match."""
    here = tmp_path / "copy [v2]"
    for name in ("a.txt", "sub/b.txt"):
        write(here / name, name)
        write(tmp_path / "copy v" / name, "neighbour")
    monkeypatch.chdir(here)

    assert ["a.txt"] == found(f"{start}*.txt")
    assert ["a.txt", "sub/b.txt"] == found(f"{start}**/*.txt") == found(start or ".")
    for corpus in (f"{start}a*", start or ".", f"{here}//./*"):
        assert f"{here}/a.txt" == find_files(corpus)[0].url


def test_escapes_of_a_file_url_are_resolved_where_only_that_exists(tmp_path: Path) -> None:
    """As browsers give it; a file whose name has an escape is read as that file."""
    write(tmp_path / "a b/[1] ü*.txt", "text")

    for name in ("a%20b/%5B1%5D%20%C3%BC%2A.txt", "a%20b/*.txt", "a%20b/%5B*", "a%20b", "*%20b/*"):
        assert ["text"] == found(f"file://{tmp_path}/{name}")
    write(tmp_path / "a%20b", "itself")
    assert ["itself"] == found(f"file://{tmp_path}/a%20b")
    assert "does not exist" in refusal(f"{tmp_path}/a%20b/x")
    assert "does not exist" in refusal(f"file://{tmp_path}/%00")


@pytest.mark.parametrize(
    ("corpus", "problem"),
    [
        ("none.txt", "the corpus none.txt does not exist"),
        ("b.txt/x", "the corpus b.txt/x does not exist"),
        ("none/*.txt", "no file matches none/*.txt: check the pattern"),
        ("*.none", "no file matches *.none"),
        ("sub*", "no file matches sub*"),
        ("empty", "no file in empty matches '*'"),
        ("memory://none/a.txt", "the corpus memory://none/a.txt does not exist"),
        ("memory://none/*.txt", "no file matches memory://none/*.txt"),
        ("memory://none/", "no file in memory://none/ matches '*'"),
        ([], "the corpus is an empty list"),
        ("", "the corpus is empty"),
        (["b.txt", " "], "the corpus is empty"),
    ],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corpus: str | list[str], problem: str
) -> None:
    """Also a folder with hidden files alone."""
    write(tmp_path / "b.txt", "b")
    write(tmp_path / "sub/c.txt", "c")
    write(tmp_path / "empty/.hidden/d.txt", "d")
    monkeypatch.chdir(tmp_path)

    assert problem in refusal(corpus)


def test_a_pattern_of_names_that_matches_nothing_is_named(folder: str) -> None:
    """With the option that has it; one that leads out of the folder is no pattern."""
    assert "matches '*.none'" in refusal(folder, corpus_pattern="*.none")
    assert "reading.corpus_pattern" in refusal(folder, corpus_pattern="*.none")
    assert "has .. in it" in refusal(folder, corpus_pattern="../*")


def make_socket(path: Path) -> None:
    """A socket in the file system; its path is too long for one that is absolute."""
    here = Path.cwd()
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(path.name)
    os.chdir(here)


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.symlink_to("nowhere"), "a symbolic link to 'nowhere', which does not"),
        (lambda path: path.symlink_to(path.name), "which leads back to itself"),
        (lambda path: path.symlink_to("a.txt/b"), "a symbolic link to 'a.txt/b', which does not"),
        (os.mkfifo, "a pipe"),
        (lambda path: path.symlink_to("/dev/null"), "a device"),
        (make_socket, "a socket"),
    ],
    ids=["dangling", "circle", "below a file", "pipe", "device", "socket"],
)
def test_what_is_no_file_is_named_and_not_opened(
    tmp_path: Path, make: Callable[[Path], None], kind: str
) -> None:
    """Alone, in a folder, in a pattern, and where an archive should be; not where it is left out."""
    write(tmp_path / "t/a.txt", "text")
    make(tmp_path / "t/odd.zip")

    for corpus in ("t/odd.zip", "t", "t/*", "**/odd*", "*/odd.zip"):
        message = refusal(f"{tmp_path}/{corpus}")
        assert f"{tmp_path}/t/odd.zip is neither file nor folder but" in message
        assert kind in message
    assert kind in refusal(f"zip://a.txt::{tmp_path}/t/odd.zip")
    assert ["text"] == found(f"{tmp_path}/t/*.txt")


def test_all_that_are_no_files_are_counted(tmp_path: Path) -> None:
    """The first is named."""
    for name in "cab":
        os.mkfifo(tmp_path / name)

    assert f"{tmp_path}/a is neither file nor folder but a pipe, as 2 more" in refusal(
        str(tmp_path)
    )


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    """A folder of links is a corpus like any other."""
    write(tmp_path / "elsewhere/a.txt", "a")
    write(tmp_path / "b", "b")
    (tmp_path / "t").mkdir()
    (tmp_path / "t/folder").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "t/link.txt").symlink_to(tmp_path / "b")
    (tmp_path / "u").symlink_to("t")

    for corpus in ("t", "u", "u/**", "t/**/*.txt"):
        assert ["a", "b"] == found(f"{tmp_path}/{corpus}")


@pytest.mark.parametrize("target", [".", "..", "/"])
def test_a_circle_of_folders_is_named(tmp_path: Path, target: str) -> None:
    """Before anything above is listed: it could be the whole disk."""
    write(tmp_path / "t/sub/a.txt", "a")
    (tmp_path / "t/sub/back").symlink_to(target)

    for corpus in ("t", "t/**/*.txt"):
        message = refusal(f"{tmp_path}/{corpus}")
        assert (
            f"{tmp_path}/t/sub/back, a symbolic link that leads back to a folder above" in message
        )
    assert ["a"] == found(f"{tmp_path}/t/*/*.txt")


def test_a_folder_that_a_link_names_again_is_not_read_twice(tmp_path: Path) -> None:
    """Nor left out silently: both names are told."""
    write(tmp_path / "t/v2/a.txt", "a")
    (tmp_path / "t/latest").symlink_to("v2")

    message = refusal(f"{tmp_path}/t")
    assert "one folder twice" in message
    assert all(f"{tmp_path}/t/{name}" in message for name in ("latest", "v2"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_one_file_or_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    """Among others, when the corpus is found: not after hours of reading."""
    for name in ("t/a", "t/b", "u/sub/a", "u/b"):
        write(tmp_path / name, name)
    (tmp_path / "t/b").chmod(0)
    (tmp_path / "u/sub").chmod(0)

    assert f"the corpus {tmp_path}/t/b may not be read: permission" in refusal(f"{tmp_path}/t")
    assert f"the corpus {tmp_path}/u/sub may not be read" in refusal(f"{tmp_path}/u")
    (tmp_path / "u/sub").chmod(0o700)


def test_keys_of_a_store_are_names_whatever_they_have() -> None:
    """A query's or a fragment's sign in a key is part of its name, also as it is shown."""
    memory = fsspec.filesystem("memory")
    names = ["%20", "[1]", "a b", "a#1", "a?1", "a?2"]
    for name in names:
        memory.pipe_file(f"/keys/{name}.txt", name.encode())

    assert names == found("memory://keys") == found("memory://keys/*.txt")
    assert "memory://keys/a?2.txt" == find_files("memory://keys")[-1].url
    memory.rm("/keys", recursive=True)


def test_a_folder_of_many_files_is_listed_once(tmp_path: Path) -> None:
    """And each file is looked at once: nothing is quadratic in it."""
    for number in range(300):
        write(tmp_path / f"{number}", "x")
    looked: list[str] = []
    real = os.stat

    def count(path: str, **options: bool) -> os.stat_result:
        looked.append(str(path))
        return real(path, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "stat", count)
        assert 300 == len(find_files(str(tmp_path)))
    below = [path for path in looked if path.startswith(f"{tmp_path}/")]
    assert len(below) == len(set(below))


def test_a_changed_archive_is_seen_without_unpacking_it(tmp_path: Path) -> None:
    """The watch looks at files as they are stored."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.txt", "a")

    for corpus in (f"{tmp_path}/a.zip", f"zip://*.txt::{tmp_path}/a.zip"):
        (state,) = fingerprints(corpus)
        assert f"{tmp_path}/a.zip" == state["url"]
        assert "time" in state


def test_a_web_server_that_tells_nothing_of_a_file_is_read_to_see_a_change() -> None:
    """Or refuses to be asked for less than the file."""

    def script(request: Request) -> Iterator[bytes]:
        yield head("405 Method Not Allowed", 0) if request.number == 1 else head(length=4) + b"text"

    with FaultServer(script) as server:
        (state,) = fingerprints(f"{server.url}/a.txt")
    assert hashlib.sha256(b"text").hexdigest() == state["sha256"]


def test_a_pattern_on_a_web_server_is_found_by_its_page_of_links(tmp_path: Path, web: str) -> None:
    """Files alone, and not what sorts the page; hidden ones need their dot."""
    for name in texts:
        write(tmp_path / name, name)

    assert ["a10.txt", "a9.txt", "b.txt"] == found(f"{web}/*.txt")
    assert ["a10.txt", "a9.txt", "b.txt", "c.md"] == found(f"{web}/*")
    assert ["a9.txt", "a10.txt"] == found(f"{web}/a*", corpus_order="natural")
    assert "has no times" in refusal(f"{web}/*", corpus_order="time")
    assert "no file matches" in refusal(f"{web}/*.none")
    odd = ["x #1.txt", "x 100%.txt", "x?y=1.txt", "xü[1].txt"]
    for name in odd:
        write(tmp_path / name, name)
    assert odd == found(f"{web}/x*.txt")


@pytest.mark.parametrize(
    "pattern",
    [
        *("*", "**", "*/*", "**/*", "**/*.txt", "*/**", "**/d*", "**/**/b.txt", "a/**/b.txt"),
        *("**/a/**/b.txt", "?/b*", "[!a]/*", ".*", ".*/*", "**/.*", "*.txt", "a/*/", "a/b/c/d.txt"),
    ],
)
def test_patterns_find_what_those_of_python_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str
) -> None:
    """On a tree with names that repeat, as far as the other knows a folder's files."""
    folders = ["", "a/", "b/", "a/a/", "a/b/", "a/b/c/", ".h/", "a/.h/", "b/a/c/"]
    for name in (f"{folder}{file}" for folder in folders for file in ("b.txt", ".b", "d.txt")):
        write(tmp_path / name, name)
    monkeypatch.chdir(tmp_path)
    other = pattern + "**" if pattern.endswith("/") else pattern

    expected = {name for name in glob(other, recursive=True) if Path(name).is_file()}  # noqa: PTH207

    assert sorted(expected) == found(pattern)  # where the other finds one twice, it is read once


def test_a_server_that_does_not_answer_is_asked_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not by the task again: who waits is told within two minutes."""
    pytest.importorskip("paramiko", reason="sftp needs pip install paramiko")
    monkeypatch.setattr(streams, "pause", 0.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        asked = []

        def hang_up() -> None:
            with suppress(OSError):
                while True:
                    server.accept()[0].close()
                    asked.append(1)

        thread = Thread(target=hang_up)
        thread.start()
        message = refusal(f"sftp://127.0.0.1:{server.getsockname()[1]}/a.txt")
        server.shutdown(socket.SHUT_RDWR)
        thread.join()

    assert "cannot be read" in message
    assert 2 == len(asked)
