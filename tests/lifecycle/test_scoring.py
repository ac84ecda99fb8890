"""A text is scored in memory that does not grow with it, into a file that is whole or absent."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.corpus import CorpusRequest
from flows.exceptions import CorpusError, DamagedObject, StorageError, UnknownObject
from flows.lifecycle.scoring import ScoreRequest, open_scoring
from flows.parameters import ReadingOptions, ScoringOptions
from flows.storage.stores import Store, open_store
from tests.support.decisions import decided
from tests.support.scoring import write
from tests.support.texts import make_text

megabytes = 120
script = """
import sys
from tests.support.scoring import write

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

from flows.storage.stores import open_store
small, large, store = sys.argv[1:]
write(open_store(store), small, threshold=1.0)
before = kilobytes("VmHWM")
print(write(open_store(store), large, threshold=1.0).rows)
print(kilobytes("VmHWM") - before)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a champion."""
    found = open_store(str(tmp_path / "store"))
    decided(found, "p")
    return found


def scores_in(store: Store) -> list[Path]:
    """All that there is of scores, and of temporary files."""
    root = store.local_file("")
    assert root
    found = {*root.rglob("reports/scores/**/*"), *root.rglob("**/scores/*"), *root.rglob(".tmp*")}
    return sorted(found)


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_scoring_takes_no_memory_for_the_text(tmp_path: Path, store: Store) -> None:
    """Not even half of it, beyond what 30 megabytes take, after which the allocators are warm."""
    part = make_text([70] * 15_000, seed=1).encode()
    small, large = tmp_path / "small.txt", tmp_path / "large.txt"
    small.write_bytes(part * 30)  # a batch is read, one scored and one written at a time
    with large.open("wb") as file:
        for _ in range(megabytes * 1_000_000 // len(part)):
            file.write(part)

    command = [sys.executable, "-c", script, str(small), str(large), store.url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows, grown = map(int, output.split())

    assert 15_000 * (megabytes * 1_000_000 // len(part)) == rows
    assert grown < megabytes * 500


def test_a_full_disk_leaves_nothing(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the file, and the same request works later."""
    text = tmp_path / "text.txt"
    text.write_text("abba cab\n")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match=r"reports/scores/.*[Nn]o space"):
            write(store, str(text), threshold=1.0)
    assert [] == scores_in(store)

    assert 1 == write(store, str(text), threshold=1.0).rows


def test_a_stop_leaves_nothing(tmp_path: Path, store: Store) -> None:
    """What is told of progress may raise."""
    text = tmp_path / "text.txt"
    text.write_text("abba cab\n")

    def stop(_done: int, _total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write(store, str(text), on_characters=stop, threshold=1.0)

    assert [] == scores_in(store)


def test_a_damaged_checkpoint_is_named(tmp_path: Path, store: Store) -> None:
    """And nothing is scored."""
    text = tmp_path / "text.txt"
    text.write_text("abba cab\n")
    root = store.local_file("")
    assert root
    (payload,) = root.glob("models/m/runs/*/data/*")
    payload.write_bytes(payload.read_bytes()[:-1])

    with pytest.raises((DamagedObject, UnknownObject)):
        write(open_store(store.url), str(text), threshold=1.0)

    assert [] == scores_in(store)


def test_a_changed_text_is_scored_again_and_a_touched_one_is_not(
    tmp_path: Path, store: Store
) -> None:
    """Names and contents tell, not times."""
    text = tmp_path / "text.txt"
    text.write_text("abba cab\n")
    first = write(store, str(text), threshold=1.0)
    os.utime(text, (0, 0))
    touched = write(store, str(text), threshold=1.0)
    text.write_text("abba cat\n")

    assert first.score_id == touched.score_id != write(store, str(text), threshold=1.0).score_id
    assert first.score_id != write(store, str(text), threshold=2.0).score_id


def test_many_small_files_are_scored_together(tmp_path: Path, store: Store) -> None:
    """Each has its own numbers; one that is empty has no row."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(50):
        (folder / f"{number:02}.txt").write_text("abba\ncab" if number else "")

    found = write(store, str(folder), threshold=1.0)

    assert (98, 49 * (5 + 4)) == (found.rows, found.characters)  # with line ends
    numbers = pq.read_table(store.location(found.path), columns=["number"])["number"]
    assert [1, 2] * 49 == numbers.to_pylist()


def test_a_text_that_is_changed_while_it_is_read_is_refused(tmp_path: Path, store: Store) -> None:
    """Nothing of it is left."""
    text = tmp_path / "text.txt"
    text.write_text("abba cab\n")
    asked = CorpusRequest(str(text), "utf-8", ReadingOptions(), {})
    request = ScoreRequest("m", None, None, asked, ScoringOptions(threshold=1.0))

    with open_scoring(store, request, lambda _: None) as opened:
        assert 9 == opened.characters
        text.write_text("abba cat\n")
        with ThreadPoolExecutor(1) as executor, pytest.raises(CorpusError, match="changed"):
            opened.write(executor, 2, lambda _done, _total: None)

    assert [] == scores_in(store)


def test_an_object_store_gets_the_file_whole(tmp_path: Path) -> None:
    """A second request finds it there."""
    remote = open_store("inmemory://bucket/scores")
    decided(remote, "p")
    text = tmp_path / "text.txt"
    text.write_text("abba cab\nbad\n")

    first = write(remote, str(text), threshold=1.0)
    data = remote.read(first.path)

    assert ["abba cab", "bad"] == pq.read_table(pa.BufferReader(data))["text"].to_pylist()
    assert first == write(remote, str(text), threshold=1.0)
    assert data == remote.read(first.path)
