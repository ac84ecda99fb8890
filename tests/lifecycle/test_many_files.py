"""Many files are read side by side: what comes of them, and what is told, is that of one thread."""

from __future__ import annotations

import gzip
import io
import itertools
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.corpus import CorpusRequest
from flows.corpus.texts import Text, Texts
from flows.exceptions import CorpusError
from flows.lifecycle.ingestion import open_corpus
from flows.lifecycle.profiling import ensure_profile
from flows.parameters import ReadingOptions
from flows.storage.stores import open_store
from flows.text import ahead, side_by_side
from tests.support.flows import files_below

kinds = ["plain", "gzip", "zip", "tar", "tar.gz", "latin-1", "CSV"]


def contents() -> dict[str, bytes]:
    """Forty texts of zero to some hundred thousand characters, in several alphabets."""
    rng = np.random.default_rng(0)
    letters = ["etaoin shrdlu\n", "оеаинт срвл\n", "éèà çôû\n", "🦊🌍 🎉🚀\n"]
    return {
        f"{number:02}.txt": "".join(
            rng.choice(list(letters[number % 4]), int(rng.integers(1, 3000)) * (number % 7))
        ).encode()
        for number in range(40)
    }


def corpus_of(folder: Path, kind: str) -> tuple[str, ReadingOptions, str]:
    """The texts in files of one kind: address, options, encoding."""
    texts, options, encoding = contents(), ReadingOptions(), "utf-8"
    place = folder / "corpus"
    place.mkdir()
    if kind == "zip":
        with zipfile.ZipFile(place / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in texts.items():
                archive.writestr(name, data)
    elif kind.startswith("tar"):
        with tarfile.open(place / "a.tar", "w") as tar:
            for name, data in texts.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        if kind == "tar.gz":
            packed = gzip.compress((place / "a.tar").read_bytes())
            (place / "a.tar").write_bytes(packed)
    for name, data in texts.items() if kind not in {"zip", "tar", "tar.gz"} else ():
        if kind == "gzip":
            (place / f"{name}.gz").write_bytes(gzip.compress(data))
        elif kind == "latin-1":
            (place / name).write_bytes(data.decode().encode("latin-1", "replace"))
            encoding = "latin-1"
        elif kind == "CSV":
            rows = data.decode().replace("\n", "\nrow ")
            (place / f"{name}.csv").write_text(f"text\n{rows}\n")
            options = ReadingOptions(corpus_column="text")
        else:
            (place / name).write_bytes(data)
    pattern = options.model_copy(update={"corpus_pattern": "*"})
    return str(place), pattern, encoding


def ingested(
    store: Path, asked: tuple[str, ReadingOptions, str], threads: int, told: Callable[[int], None]
) -> dict[str, bytes]:
    """Every file of the dataset that a corpus gives, but for the log of its use."""
    corpus, options, encoding = asked
    opened_store = open_store(str(store))
    with open_corpus(
        opened_store, CorpusRequest(corpus, encoding, options, {}), told, threads
    ) as opened:
        text = opened.text()
        opened.save(text)
        ensure_profile(opened_store, text.dataset_id, opened.files)
    files = files_below(store / "datasets")
    return {str(file.relative_to(store)): file.read_bytes() for file in files}


@pytest.mark.parametrize("kind", kinds)
def test_a_dataset_has_the_same_bytes_for_any_number_of_threads(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens, vocabulary, blocks, manifest and profile; as many bytes are told of as progress."""
    monkeypatch.setattr(side_by_side, "encoded_whole", 2_000)  # some are large
    asked = corpus_of(tmp_path, kind)
    sizes: dict[int, list[int]] = {1: [], 4: []}

    found = {
        threads: ingested(tmp_path / f"store-{threads}", asked, threads, sizes[threads].append)
        for threads in sizes
    }

    assert found[1] == found[4]
    assert 5 <= len(found[1])
    assert sum(sizes[1]) == sum(sizes[4])


def test_rare_characters_are_replaced_in_the_same_way(tmp_path: Path) -> None:
    """The corpus is read a third time then."""
    corpus, options, encoding = corpus_of(tmp_path, "plain")
    rare = corpus, options.model_copy(update={"minimum_count": 3_000}), encoding

    found = [ingested(tmp_path / f"store-{n}", rare, n, lambda _: None) for n in (1, 4)]

    assert found[0] == found[1]


def refused(folder: Path, corpus: Path, threads: int, **options: Any) -> str:
    """The sentence that refuses a corpus, of which nothing is stored."""
    store = folder / f"store-{threads}"
    request = CorpusRequest(str(corpus), "utf-8", ReadingOptions(**options), {})
    with (
        open_corpus(open_store(str(store)), request, lambda _: None, threads) as opened,
        pytest.raises(CorpusError) as found,
    ):
        opened.save(opened.text())
    assert not store.exists()
    return str(found.value)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder of forty files of 10 kB, the first of 2 MB."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(40):
        size = 10_000 if number else 2_000_000
        (folder / f"{number:02}.txt").write_bytes(b"the lamp is lit\n" * (size // 16))
    return folder


def test_the_first_bad_file_is_told_of_though_another_ends_first(
    tmp_path: Path, corpus: Path
) -> None:
    """The first is bad at its end only; others before the first byte was read of it."""
    with (corpus / "00.txt").open("ab") as file:
        file.write(b"\xff")
    for number in (3, 4, 5, 30):
        (corpus / f"{number:02}.txt").write_bytes(b"\xff")

    found = [refused(tmp_path, corpus, threads) for threads in (1, 4)]

    assert found[0] == found[1]
    assert "00.txt is not utf-8: invalid start byte at byte offset 2000000 (0xff)" in found[0]


@pytest.mark.parametrize("most", [2_000_100, 2_123_456, 2_385_000])
def test_the_file_with_which_there_are_too_many_bytes_is_told_of(
    tmp_path: Path, corpus: Path, most: int
) -> None:
    """By the order of the files, not by that in which they were read."""
    found = [refused(tmp_path, corpus, threads, maximum_bytes=most) for threads in (1, 4)]

    number = 1 + (most - 2_000_000) // 10_000
    assert found[0] == found[1]
    assert f"{most:,} bytes read, at {corpus}/{number:02}.txt" in found[0]


def test_a_bad_file_is_told_of_before_too_many_bytes_behind_it(
    tmp_path: Path, corpus: Path
) -> None:
    """Whichever of the two is found first."""
    (corpus / "02.txt").write_bytes(b"\xff" * 10)

    found = [refused(tmp_path, corpus, threads, maximum_bytes=2_030_000) for threads in (1, 4)]

    assert found[0] == found[1]
    assert "02.txt is not utf-8" in found[0]


def test_a_file_that_changes_between_the_passes_is_told_of(tmp_path: Path, corpus: Path) -> None:
    """The first of them, and nothing is stored."""
    store = tmp_path / "store"
    request = CorpusRequest(str(corpus), "utf-8", ReadingOptions(), {})
    with open_corpus(open_store(str(store)), request, lambda _: None, 4) as opened:
        text = opened.text()
        for number in (7, 3):
            (corpus / f"{number:02}.txt").write_bytes(b"another text")
        with pytest.raises(CorpusError, match=r"03\.txt was changed"):
            opened.save(text)
    assert not store.exists()


def test_an_interruption_ends_all_readers(
    tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within a piece of their files, though these have no end; it is raised as it came."""
    entered = threading.Event()

    def endless(texts: Texts, _: Text) -> Iterator[bytes]:
        entered.set()
        yield from texts._counted(itertools.repeat(b"the lamp is lit\n" * 1000))

    def interrupt(*_: object, **__: object) -> None:
        assert entered.wait(60)
        raise KeyboardInterrupt

    monkeypatch.setattr(Texts, "_pieces", endless)
    monkeypatch.setattr(ahead, "wait", interrupt)
    request = CorpusRequest(str(corpus), "utf-8", ReadingOptions(), {})
    with (
        open_corpus(open_store(str(tmp_path / "store")), request, lambda _: None, 4) as opened,
        pytest.raises(KeyboardInterrupt),
    ):
        opened.text()


def test_what_is_told_of_progress_may_end_the_reading(tmp_path: Path, corpus: Path) -> None:
    """As a cancellation does."""

    def stop(_: int) -> None:
        raise CorpusError("stopped")

    request = CorpusRequest(str(corpus), "utf-8", ReadingOptions(), {})
    with (
        open_corpus(open_store(str(tmp_path / "store")), request, stop, 4) as opened,
        pytest.raises(CorpusError, match="stopped"),
    ):
        opened.text()
