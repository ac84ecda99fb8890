"""A corpus becomes a dataset; one whose files are those of a dataset in the store is not read again."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.corpus import CorpusRequest, http, streams
from flows.corpus.changes import compare
from flows.exceptions import CorpusError
from flows.lifecycle.ingestion import open_corpus
from flows.parameters import ReadingOptions
from flows.storage import dataset_use, datasets
from flows.storage.clock import store_time
from flows.storage.stores import Store, open_store
from tests.support.fault_server import FaultServer, Request, always, hang, head
from tests.support.flows import files_below

text = b"the lamp is lit and the boat goes out at dawn\r\n" * 100


def ingested(store: Store, corpus: object, **options: Any) -> tuple[str, bool]:
    """The id of the dataset that a corpus gives, and whether the corpus was read."""
    request = CorpusRequest(str(corpus), "utf-8", ReadingOptions(**options))
    sizes: list[int] = []
    with open_corpus(store, request, sizes.append) as opened:
        scanned = opened.text()
        opened.save(scanned)
    return scanned.dataset_id, bool(sizes)


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that counts as changed long ago: nobody can set when its inode was changed."""
    monkeypatch.setattr("flows.corpus.fingerprint.fresh_seconds", -1.0)
    file = tmp_path / "a.txt"
    file.write_bytes(text)
    os.utime(file, (10**9, 10**9))
    return file


def test_a_known_file_is_not_read_again(local: Store, old: Path) -> None:
    """It is where that is asked for, or where it was touched; the dataset stays the same."""
    first = ingested(local, old)
    assert first[1]
    assert (first[0], False) == ingested(local, old)
    assert first == ingested(local, old, verify=True)
    os.utime(old, (10**9 + 1, 10**9 + 1))
    assert first == ingested(local, old)


def test_a_file_changed_just_now_is_read_again(local: Store, tmp_path: Path) -> None:
    """A second change could leave the same time."""
    file = tmp_path / "a.txt"
    file.write_bytes(text)
    first = ingested(local, file)
    assert first == ingested(local, file)


def test_other_options_read_a_known_file_again(local: Store, old: Path) -> None:
    """And are known themselves from then on; both datasets stay known."""
    kept, changed = ingested(local, old), ingested(local, old, newline="lf")
    assert changed[1]
    assert kept[0] != changed[0]
    assert (kept[0], False) == ingested(local, old)
    assert (changed[0], False) == ingested(local, old, newline="lf")


def test_a_known_file_is_read_again_where_its_dataset_is_gone(local: Store, old: Path) -> None:
    """The record alone is no text."""
    first = ingested(local, old)
    assert dataset_use.remove(local, first[0], store_time(local) + 10**9)
    assert first == ingested(local, old)
    assert datasets.is_intact(local, first[0])


@pytest.mark.parametrize("bound", ["maximum_vocabulary", "maximum_bytes"])
def test_bounds_hold_for_a_known_file(local: Store, old: Path, bound: str) -> None:
    """They are not of the dataset but of what is asked for now."""
    first = ingested(local, old)
    with pytest.raises(CorpusError, match=bound):
        ingested(local, old, **{bound: 10})
    assert (first[0], False) == ingested(local, old)


def test_a_file_that_changes_between_the_two_passes_leaves_nothing(tmp_path: Path) -> None:
    """Not even the folders of a store that is not there yet."""
    file = tmp_path / "a.txt"
    file.write_bytes(text)
    store = open_store(str(tmp_path / "new" / "store"))
    request = CorpusRequest(str(file))
    with open_corpus(store, request, lambda _: None) as opened:
        scanned = opened.text()
        file.write_bytes(text[::-1])
        with pytest.raises(CorpusError, match=r"a\.txt was changed while it was read"):
            opened.save(scanned)
    assert ["a.txt"] == [path.name for path in files_below(tmp_path)]


def test_a_tagged_reply_without_a_size_is_known_again(local: Store) -> None:
    """A server that compresses on the way says no size of the file; its tag is enough."""

    def script(request: Request) -> Iterator[bytes]:
        body = gzip.compress(text)
        yield head(length=len(body), Content_Encoding="gzip", ETag='"1"')
        yield b"" if request.method == "HEAD" else body

    with FaultServer(script) as server:
        first = ingested(local, f"{server.url}/a.txt")
        assert first[1]
        assert (first[0], False) == ingested(local, f"{server.url}/a.txt")
        assert ["HEAD", "GET", "HEAD", "HEAD"] == [request.method for request in server.requests]


def test_a_file_that_changes_before_it_is_read_is_not_known_by_its_state_of_before(
    local: Store,
) -> None:
    """If it ever has that state again, it is read."""
    asked = [(b"old", '"1"'), (text, '"2"'), (text, '"2"'), *[(text * 2, '"1"')] * 3]

    def script(request: Request) -> Iterator[bytes]:
        body, tag = asked[request.number - 1]
        yield head(length=len(body), ETag=tag)
        yield b"" if request.method == "HEAD" else body

    with FaultServer(script) as server:
        first = ingested(local, f"{server.url}/a.txt")
        assert first != ingested(local, f"{server.url}/a.txt")


def test_a_weak_tag_does_not_tell_that_a_file_is_known(local: Store) -> None:
    """The file is read again."""

    def script(request: Request) -> Iterator[bytes]:
        yield head(length=len(text), ETag='W/"1"')
        yield b"" if request.method == "HEAD" else text

    with FaultServer(script) as server:
        first = ingested(local, f"{server.url}/a.txt")
        assert first == ingested(local, f"{server.url}/a.txt")


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("403 Forbidden", "permission denied"),
        ("404 Not Found", "does not exist"),
        ("500 Internal Server Error", "500"),
    ],
)
def test_what_a_web_server_refuses_is_told_as_it_is(
    local: Store, monkeypatch: pytest.MonkeyPatch, status: str, problem: str
) -> None:
    """Also where the corpus was known: what the server says of the file comes first."""
    monkeypatch.setattr(streams, "pause", 0.0)
    with (
        FaultServer(always(head(status, 0))) as server,
        pytest.raises(CorpusError, match=problem) as caught,
    ):
        ingested(local, f"{server.url}/a.txt")
    assert ("exist" in str(caught.value)) == status.startswith("404")


def test_a_server_that_never_says_what_a_file_is_is_left(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Asked for its facts once, and for the file twice."""
    monkeypatch.setattr(http, "facts_timeout", 0.3)
    monkeypatch.setattr(http, "headers_timeout", 0.3)
    monkeypatch.setattr(streams, "pause", 0.0)
    with FaultServer(always(hang)) as server:
        with pytest.raises(CorpusError, match="no reply within"):
            ingested(local, f"{server.url}/a.txt")
        assert 3 == len(server.requests)


@pytest.mark.parametrize("pattern", ["", "/", "/*/*/*/*", "/**/*.json", "/**"])
def test_a_folder_with_the_store_in_it_is_refused_before_the_store_is_made(
    tmp_path: Path, pattern: str
) -> None:
    """From the second run on it would be learned."""
    (tmp_path / "a.txt").write_bytes(text)
    store = open_store(str(tmp_path / "store"))
    with pytest.raises(CorpusError, match=r"has the store .*/store in it: name a folder"):
        ingested(store, f"{tmp_path}{pattern}")
    with pytest.raises(CorpusError, match="has the store"):
        compare(store, CorpusRequest(f"{tmp_path}{pattern}"), "default")
    assert ["a.txt"] == [path.name for path in files_below(tmp_path)]


def test_a_folder_with_the_store_in_it_is_read_where_its_pattern_leaves_the_store_out(
    tmp_path: Path,
) -> None:
    """As are files beside it, and a store that is hidden."""
    (tmp_path / "a.txt").write_bytes(text)
    store, hidden = open_store(str(tmp_path / "store")), open_store(str(tmp_path / ".store"))
    first, _ = ingested(store, tmp_path, corpus_pattern="*.txt")
    for corpus in (tmp_path / "*", tmp_path / "*.txt", tmp_path / "a.txt"):
        assert first == ingested(store, corpus)[0]
    (tmp_path / "store").rename(tmp_path / ".other")
    assert first == ingested(hidden, tmp_path)[0]
