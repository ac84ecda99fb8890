"""A dataset is named by its content, and damage to any part of it is detected."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.exceptions import DamagedObject, NewerFormat, StoreError, UnknownObject
from flows.storage import datasets
from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.stores import Store, open_store
from flows.storage.token_files import is_blocks
from tests.support.corpora import read_corpus
from tests.support.states import stored
from tests.support.stores import StoreWrapper, flipped, opened_elsewhere, overwrite, reopened

first, second = "abc\nabd\n" * 50, "dcba\n" * 30
parts = ("manifest.json", "vocabulary.json", "tokens.npy")


def dataset_id(*texts: str) -> str:
    """The id that `texts` get."""
    return datasets.tokenise(list(texts)).manifest.dataset_id


def test_a_dataset_is_read_back_unchanged(store: Store, store_url: str) -> None:
    """Manifest, vocabulary, tokens and file ends are those that were saved."""
    saved = stored(store, first, second)
    loaded = datasets.load(reopened(store_url), saved.manifest.dataset_id)

    assert saved.manifest == loaded.manifest
    assert saved.vocabulary == loaded.vocabulary
    np.testing.assert_array_equal(saved.tokens, loaded.tokens, strict=True)
    assert [len(first), len(first) + len(second)] == loaded.file_ends
    assert first + second == loaded.vocabulary.decode(loaded.tokens)


def test_the_id_does_not_depend_on_where_the_texts_are(tmp_path: Path) -> None:
    """Another folder, another name, another encoding: the same text, the same dataset."""
    (tmp_path / "a.txt").write_text("grüße\n" * 9, encoding="utf-8")
    (tmp_path / "b").write_text("grüße\n" * 9, encoding="utf-16")
    one = datasets.tokenise(read_corpus(f"{tmp_path}/a.txt", "utf-8")).manifest
    other = datasets.tokenise(read_corpus(f"{tmp_path}/b", "utf-16")).manifest

    assert one == other
    assert str(tmp_path) not in one.model_dump_json()


def test_the_id_depends_on_content_order_and_file_boundaries() -> None:
    """Any change of the texts or of their boundaries gives another dataset."""
    variants = [
        (first, second),
        (second, first),
        (first + second,),
        (first + second[:1], second[1:]),
        (first, second, ""),
        (first, second + " "),
        (first.upper(), second),
    ]

    assert len(variants) == len({dataset_id(*texts) for texts in variants})


def test_saving_twice_changes_nothing(store: Store) -> None:
    """Another run that saved the same dataset is no conflict."""
    manifest = stored(store, first).manifest
    folder = datasets.dataset_folder(manifest.dataset_id)
    before = {part: store.read(f"{folder}/{part}") for part in parts}
    stored(store, first)

    blocks = [name for name in store.names(folder) if is_blocks(name)]
    assert [*blocks, *sorted(parts)] == store.names(folder)
    assert 1 == len(blocks)
    assert before == {part: store.read(f"{folder}/{part}") for part in parts}


def test_a_lost_reply_after_the_manifest_is_not_an_error(store: Store) -> None:
    """The manifest was written: the dataset is complete."""

    class LostReplyStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            raise StoreError("timed out")

    manifest = stored(LostReplyStore(store), first).manifest

    assert datasets.exists(store, manifest.dataset_id)


def test_a_dataset_without_its_manifest_does_not_exist(store: Store, store_url: str) -> None:
    """The manifest is written last, so a run that is killed before that leaves no dataset."""

    class FullStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            raise StoreError(f"no room for {len(data)} bytes at {path}, private {private}")

    with pytest.raises(StoreError, match="no room"):
        stored(FullStore(store), first)
    name = dataset_id(first)
    assert not datasets.exists(store, name)
    with pytest.raises(UnknownObject, match=f"no dataset {name} in {store.url}"):
        datasets.load(reopened(store_url), name)


def test_a_link_to_itself_in_place_of_tokens_is_replaced(local: Store) -> None:
    """As with other corrupt parts."""
    name = stored(local, first).manifest.dataset_id
    tokens = Path(local.location(f"{datasets.dataset_folder(name)}/tokens.npy"))
    tokens.unlink()
    tokens.symlink_to(tokens)

    assert not datasets.is_intact(reopened(local.url), name)
    stored(reopened(local.url), first)
    assert datasets.is_intact(reopened(local.url), name)


@pytest.mark.parametrize("data", [b"", b"<html>", pickle.dumps([1])])
def test_tokens_that_are_not_an_array_are_corrupt(
    store: Store, store_url: str, data: bytes
) -> None:
    """Even if their digest is that of the manifest; a pickle is never loaded."""
    manifest = stored(store, first).manifest
    folder = datasets.dataset_folder(manifest.dataset_id)
    forged = manifest.model_copy(update={"tokens_sha256": digest(data)})
    overwrite(store, f"{folder}/tokens.npy", data)
    overwrite(store, f"{folder}/manifest.json", canonical_json(forged.model_dump(mode="json")))

    with pytest.raises(DamagedObject, match="not an array of tokens"):
        datasets.load(reopened(store_url), manifest.dataset_id)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: flipped(data, len(data) // 2),
        lambda data: flipped(data, len(data) - 3),
        lambda data: data[:-1],
        lambda data: data + b" ",
        lambda _: b"",
        lambda data: bytes(len(data)),
    ],
    ids=["flipped", "flipped near the end", "truncated", "longer", "empty", "zeros"],
)
@pytest.mark.parametrize("part", parts[1:])
def test_a_corrupt_part_is_reported(
    store: Store, store_url: str, part: str, damage: Callable[[bytes], bytes]
) -> None:
    """The digest in the manifest shows every change of the bytes."""
    name = stored(store, first).manifest.dataset_id
    path = f"{datasets.dataset_folder(name)}/{part}"
    overwrite(store, path, damage(store.read(path)))

    with pytest.raises(
        DamagedObject, match=f"{part}: (sha256 mismatch|.* expected at most [0-9,]+)"
    ):
        datasets.load(opened_elsewhere(store_url), name)


@pytest.mark.parametrize("part", parts[1:])
def test_a_missing_part_is_reported(store: Store, store_url: str, part: str) -> None:
    """A dataset with a manifest must have all parts."""
    name = stored(store, first).manifest.dataset_id
    store.remove(f"{datasets.dataset_folder(name)}/{part}")

    with pytest.raises(DamagedObject, match=f"{part}: is missing from its dataset"):
        datasets.load(opened_elsewhere(store_url), name)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("dataset_id", "0" * 16),
        ("characters", 401),
        ("vocabulary_size", 9),
        ("vocabulary_sha256", "0" * 64),
        ("tokens_sha256", "0" * 64),
        ("tokens_dtype", "uint16"),
        ("files", []),
        ("files", [{"characters": 401, "sha256": "0" * 64}]),
        ("format", None),
        ("more", 1),
    ],
)
def test_an_altered_manifest_is_refused(
    store: Store, store_url: str, field: str, value: Any
) -> None:
    """Each of its fields is checked against the content."""
    name = stored(store, first).manifest.dataset_id
    path = f"{datasets.dataset_folder(name)}/manifest.json"
    altered = strict_json(store.read(path)) | {field: value}
    overwrite(store, path, canonical_json(altered))

    with pytest.raises(DamagedObject):
        datasets.load(reopened(store_url), name)


def test_every_flipped_bit_of_a_manifest_is_detected(local: Store) -> None:
    """A manifest with a flipped bit is refused."""
    name = stored(local, first).manifest.dataset_id
    path = f"{datasets.dataset_folder(name)}/manifest.json"
    data = local.read(path)
    for position in range(0, len(data), 3):
        overwrite(local, path, flipped(data, position, position % 7))

        with pytest.raises(DamagedObject):
            datasets.load(reopened(local.url), name)


def test_saving_over_another_manifest_is_refused(store: Store) -> None:
    """The stored manifest is not that of these texts: it is reported, not trusted."""
    name = stored(store, first).manifest.dataset_id
    path = f"{datasets.dataset_folder(name)}/manifest.json"
    altered = strict_json(store.read(path)) | {"tokens_sha256": "0" * 64}
    overwrite(store, path, canonical_json(altered))

    with pytest.raises(DamagedObject, match=r"manifest.json: is not the manifest of these texts"):
        stored(store, first)


def test_a_newer_format_is_an_error(store: Store, store_url: str) -> None:
    """This program cannot know what it means."""
    name = stored(store, first).manifest.dataset_id
    path = f"{datasets.dataset_folder(name)}/manifest.json"
    overwrite(store, path, canonical_json({"format": 2, "all": "new"}))

    with pytest.raises(NewerFormat, match=r"format 2 is newer than this program \(1\)"):
        datasets.load(reopened(store_url), name)


def test_tokens_are_mapped_from_disk(store: Store, store_url: str) -> None:
    """A corpus may be larger than memory; the mapped array is read-only."""
    name = stored(store, first).manifest.dataset_id
    tokens = datasets.load(reopened(store_url), name).tokens

    assert isinstance(tokens, np.memmap)
    assert not tokens.flags.writeable


def test_tokens_of_a_remote_store_are_copied_once(tmp_path: Path) -> None:
    """The copy is in the user's cache folder, named by its digest, and private."""
    url = "inmemory://bucket/store"
    store = open_store(url)
    manifest = stored(store, first).manifest
    datasets.load(reopened(url), manifest.dataset_id)
    copy = tmp_path / f"cache/rnn-retraining/tokens/{manifest.tokens_sha256}.npy"

    assert manifest.tokens_sha256 == hashlib.sha256(copy.read_bytes()).hexdigest()
    assert 0o600 == copy.stat().st_mode & 0o777

    store.remove(f"{datasets.dataset_folder(manifest.dataset_id)}/tokens.npy")
    again = datasets.load(reopened(url), manifest.dataset_id).tokens
    assert len(first) == len(again)


def test_a_corrupt_copy_is_fetched_again(tmp_path: Path) -> None:
    """The cache is never trusted."""
    url = "inmemory://bucket/store"
    manifest = stored(open_store(url), first).manifest
    datasets.load(reopened(url), manifest.dataset_id)
    copy = tmp_path / f"cache/rnn-retraining/tokens/{manifest.tokens_sha256}.npy"
    copy.write_bytes(flipped(copy.read_bytes(), -1))
    tokens = datasets.load(reopened(url), manifest.dataset_id).tokens

    assert manifest.tokens_sha256 == hashlib.sha256(copy.read_bytes()).hexdigest()
    assert len(first) == len(tokens)


def test_without_a_cache_folder_the_copy_is_in_a_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container; if there is none either, the message says what to set."""
    url = "inmemory://bucket/store"
    saved = stored(open_store(url), first)
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))

    datasets.load(reopened(url), saved.manifest.dataset_id)
    (folder,) = (tmp_path / "temporary").iterdir()
    assert 0o700 == folder.stat().st_mode & 0o777

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(StoreError, match="set XDG_CACHE_HOME"):
        datasets.load(reopened(url), saved.manifest.dataset_id)


def test_a_file_that_is_not_a_manifest_is_corrupt(store: Store, store_url: str) -> None:
    """Any file may be there; it is reported."""
    for data in (b"", b"<html>", b"[]", b'"x"', b'{"format": "1"}', b'{"format": [1]}'):
        overwrite(store, "datasets/x/manifest.json", data)

        with pytest.raises(DamagedObject, match=r"manifest\.json: not a dataset's manifest"):
            datasets.load(reopened(store_url), "x")
