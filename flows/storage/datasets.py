"""Datasets: a corpus as tokens with its vocabulary, named by content, never changed."""

from __future__ import annotations

import hashlib
import io
from itertools import accumulate
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, model_validator

from flows.exceptions import DamagedObject, ObjectMissing, StoreError, UnknownObject
from flows.storage.backends.local import LocalStore
from flows.storage.cache import Cache
from flows.storage.canonical import canonical_json, digest, identity, strict_json
from flows.storage.damage import read_again_if_damaged, warn
from flows.storage.documents import Document, create_document, load_document
from flows.storage.stores import Store
from flows.text import Split, SplitMethod, TokenArray, Vocabulary, split_text
from rnncore.folders import cache_folders, first_writable

dataset_format = 1


class FileEntry(BaseModel):
    """One file of the corpus, in its order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    characters: int
    sha256: str  # of the text in UTF-8


class DatasetManifest(Document):
    """`manifest.json`: written last, so where it exists the dataset is complete."""

    what: ClassVar[str] = "a dataset's manifest"
    newest_format: ClassVar[int] = dataset_format

    dataset_id: str
    characters: int
    vocabulary_size: int
    vocabulary_sha256: str
    tokens_sha256: str
    tokens_dtype: str
    files: tuple[FileEntry, ...]

    @property
    def name(self) -> str:
        """As `dataset_id`."""
        return self.dataset_id

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        characters = sum(file.characters for file in self.files)
        if (_identity(self.files), characters) != (self.dataset_id, self.characters):
            raise ValueError("its files do not give its id and length")
        return self


class Dataset(BaseModel):
    """A dataset opened for reading: its manifest, vocabulary, and tokens (N,) mapped from disk."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    manifest: DatasetManifest
    vocabulary: Vocabulary
    tokens: TokenArray

    @property
    def file_ends(self) -> list[int]:
        """Where each file ends, in characters from the start of the corpus."""
        return list(accumulate(file.characters for file in self.manifest.files))

    def split(self, share: float, method: SplitMethod) -> Split:
        """The text to train on, and the share of it to hold out."""
        return split_text(self.tokens, self.vocabulary, self.file_ends, share, method)


def describe(texts: list[str], vocabulary: Vocabulary, tokens: bytes) -> DatasetManifest:
    """The manifest of `texts`; the id depends on their content and order alone."""
    files = tuple(
        FileEntry(characters=len(text), sha256=digest(text.encode("utf-8", "surrogatepass")))
        for text in texts
    )
    return DatasetManifest(
        format=dataset_format,
        dataset_id=_identity(files),
        characters=sum(file.characters for file in files),
        vocabulary_size=len(vocabulary),
        vocabulary_sha256=digest(_vocabulary_json(vocabulary)),
        tokens_sha256=digest(tokens),
        tokens_dtype=vocabulary.dtype.name,
        files=files,
    )


def tokenise(texts: list[str]) -> Dataset:
    """Vocabulary and tokens of `texts`; nothing is written."""
    vocabulary = Vocabulary.of_text(*texts)
    tokens = np.concatenate([vocabulary.encode(text) for text in texts])
    manifest = describe(texts, vocabulary, npy_bytes(tokens))
    return Dataset(manifest=manifest, vocabulary=vocabulary, tokens=tokens)


def npy_bytes(tokens: TokenArray) -> bytes:
    """`tokens` as the bytes of a .npy file."""
    buffer = io.BytesIO()
    np.save(buffer, tokens, allow_pickle=False)
    return buffer.getvalue()


def save(store: Store, dataset: Dataset) -> None:
    """Write a dataset, its manifest last; this repairs parts that are corrupt."""
    manifest = dataset.manifest
    folder = dataset_folder(manifest.dataset_id)
    store.put(f"{folder}/tokens.npy", npy_bytes(dataset.tokens))
    store.put(f"{folder}/vocabulary.json", _vocabulary_json(dataset.vocabulary))
    path = f"{folder}/manifest.json"
    if create_document(store, path, manifest) != manifest:
        raise DamagedObject(store.location(path), "is not the manifest of these texts")


def exists(store: Store, dataset_id: str) -> bool:
    """Whether a complete dataset of that id is in the store."""
    return "manifest.json" in store.names(dataset_folder(dataset_id))


def is_intact(store: Store, dataset_id: str) -> bool:
    """Whether a dataset is in the store, verified in every byte; damage is reported."""
    if not exists(store, dataset_id):
        return False
    try:
        load(store, dataset_id)
    except DamagedObject as error:
        warn(error, "written again")
        return False
    return True


def load_manifest(store: Store, dataset_id: str) -> DatasetManifest:
    """The manifest of a dataset, checked."""
    path = f"{dataset_folder(dataset_id)}/manifest.json"
    try:
        return load_document(store, path, DatasetManifest, dataset_id)
    except ObjectMissing as error:
        raise UnknownObject(f"no dataset {dataset_id} in {store.url}: ingest it first") from error


def load(store: Store, dataset_id: str) -> Dataset:
    """Open a dataset and verify every byte; tokens of a remote store go through a local cache."""
    return store.cache.get("dataset", dataset_id, lambda: _load(store, dataset_id))


def load_split(store: Store, dataset_id: str, share: float, method: SplitMethod) -> Split:
    """The split of a stored dataset."""
    key = dataset_id, share, method
    return store.cache.get("split", key, lambda: load(store, dataset_id).split(share, method))


def dataset_folder(dataset_id: str) -> str:
    """Folder of a dataset in the store."""
    return f"datasets/{dataset_id}"


def _load(store: Store, dataset_id: str) -> Dataset:
    manifest = load_manifest(store, dataset_id)
    folder = dataset_folder(dataset_id)
    vocabulary = _load_vocabulary(store, f"{folder}/vocabulary.json", manifest)
    if len(vocabulary) != manifest.vocabulary_size:
        name = store.location(f"{folder}/manifest.json")
        raise DamagedObject(name, f"vocabulary_size is not {len(vocabulary)}, bytes were altered")
    tokens = _map_tokens(store, f"{folder}/tokens.npy", manifest)
    return Dataset(manifest=manifest, vocabulary=vocabulary, tokens=tokens)


def _identity(files: tuple[FileEntry, ...]) -> str:
    return identity([dataset_format, [file.model_dump() for file in files]])


def _vocabulary_json(vocabulary: Vocabulary) -> bytes:
    return canonical_json(list(vocabulary.characters))


def _read_part(store: Store, path: str) -> bytes:
    try:
        return store.read(path)
    except ObjectMissing as error:
        raise DamagedObject(store.location(path), "is missing from its dataset") from error


@read_again_if_damaged
def _load_vocabulary(store: Store, path: str, manifest: DatasetManifest) -> Vocabulary:
    data, name = _read_part(store, path), store.location(path)
    if digest(data) != manifest.vocabulary_sha256:
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    try:
        return Vocabulary.from_list(strict_json(data))
    except ValueError as error:
        raise DamagedObject(name, str(error)) from error


@read_again_if_damaged
def _map_tokens(store: Store, path: str, manifest: DatasetManifest) -> TokenArray:
    """Tokens (N,) mapped into memory from a file whose bytes were verified."""
    name = store.location(path)
    file = store.local_file(path) or _cached_copy(store, path, manifest.tokens_sha256)
    if not file.is_file():
        raise DamagedObject(name, "is missing from its dataset")
    with file.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != manifest.tokens_sha256:
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    try:
        tokens: TokenArray = np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise DamagedObject(name, f"not an array of tokens ({error})") from error
    if tokens.shape != (manifest.characters,) or tokens.dtype.name != manifest.tokens_dtype:
        raise DamagedObject(
            name, f"holds {tokens.dtype} {tokens.shape}, not what its manifest says"
        )
    return tokens


def _cached_copy(store: Store, path: str, sha256: str) -> Path:
    """A local copy of a remote object, made once: only a file can be mapped."""
    if (folder := first_writable(cache_folders("rnn-retraining"))) is None:
        raise StoreError(
            f"no folder can be written for a copy of {store.location(path)}: set XDG_CACHE_HOME to"
            " one"
        )
    cache = LocalStore(str(folder), Cache())
    name = f"{sha256}.npy"
    if name not in cache.names("tokens") or digest(cache.read(f"tokens/{name}")) != sha256:
        cache.put(f"tokens/{name}", _read_part(store, path))
    return Path(cache.location(f"tokens/{name}"))
