"""Local copies of remote tokens have a bound; the one in use is never removed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.exceptions import StoreError
from flows.storage import datasets
from flows.storage.canonical import digest
from flows.storage.copies import cache_folder, cached_copy
from flows.storage.stores import open_store
from tests.support.states import stored, text
from tests.support.stores import reopened


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def copy_of(content: bytes, at: int) -> Path:
    """A copy that was used last at that time."""
    file = cached_copy(digest(content), lambda path: write(path, content))
    os.utime(file, (at, at))
    return file


def kept(files: list[Path]) -> list[int]:
    return [number for number, file in enumerate(files) if file.exists()]


def test_the_copies_used_least_recently_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    files = [copy_of(bytes([number]) * 100, at=1000 + number) for number in range(4)]
    assert [0, 1, 2, 3] == kept(files)
    copy_of(bytes([0]) * 100, at=2000)
    monkeypatch.setenv("RNN_CACHE_BYTES", "300")
    files.append(cached_copy(digest(b"new"), lambda path: write(path, b"new")))
    assert [0, 3, 4] == kept(files)


def test_the_copy_in_use_stays_though_it_is_larger_than_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RNN_CACHE_BYTES", "0")
    files = [copy_of(bytes([number]) * 100, at=9_999_999_999) for number in range(2)]
    assert [1] == kept(files)


def test_a_use_counts_and_reads_the_object_only_once() -> None:
    file = copy_of(b"tokens", at=1000)
    assert file == cached_copy(digest(b"tokens"), lambda _: pytest.fail("read again"))
    assert file.stat().st_mtime > 1000


def test_other_files_in_the_folder_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = copy_of(b"tokens", at=1000).parent / "mine.npy"
    mine.write_bytes(b"x" * 100)
    monkeypatch.setenv("RNN_CACHE_BYTES", "0")
    copy_of(b"other", at=1000)
    assert mine.exists()


def test_a_dataset_whose_copy_was_removed_stays_readable_and_is_copied_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = open_store("inmemory://bucket/store")
    dataset = datasets.load(store, stored(store, text).manifest.dataset_id)
    monkeypatch.setenv("RNN_CACHE_BYTES", "0")
    copy_of(b"other", at=9_999_999_999)
    assert 1 == len(list((cache_folder() / "tokens").iterdir()))
    again = datasets.load(reopened(store.url), dataset.manifest.dataset_id)
    assert dataset.tokens.tolist() == again.tokens.tolist()


@pytest.mark.parametrize("value", ["-1", "10 GB", "1e9"])
def test_a_bound_that_is_no_number_of_bytes_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RNN_CACHE_BYTES", value)
    with pytest.raises(StoreError, match=f"RNN_CACHE_BYTES is '{value}': set it to a whole number"):
        cached_copy("0" * 64, lambda path: write(path, b""))
