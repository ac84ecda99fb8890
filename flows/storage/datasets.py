"""Datasets: a corpus as tokens with its vocabulary, named by content, never changed."""

from __future__ import annotations

import hashlib
import io
import os
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from flows.storage.canonical import canonical_json, digest, identity, strict_json
from flows.storage.exceptions import (
    DamagedObject,
    NewerFormat,
    ObjectMissing,
    StoreError,
    UnknownObject,
)
from flows.storage.files import Store, open_store, read_again_if_damaged, removable
from flows.storage.local_store import LocalStore
from flows.storage.vocabulary import Vocabulary

dataset_format = 1
TokenArray = NDArray[np.unsignedinteger]


class FileEntry(BaseModel):
    """One file of the corpus, in its order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    characters: int
    sha256: str  # of the text in UTF-8


class Manifest(BaseModel):
    """`manifest.json`: written last, so where it lies the dataset is complete."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int
    dataset_id: str
    characters: int
    vocabulary_size: int
    vocabulary_sha256: str
    tokens_sha256: str
    tokens_dtype: str
    files: tuple[FileEntry, ...]


class Dataset(BaseModel):
    """A dataset opened for reading: what it is, its vocabulary, its tokens (N,) mapped from disk."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    manifest: Manifest
    vocabulary: Vocabulary
    tokens: TokenArray

    @property
    def file_ends(self) -> list[int]:
        """Where each file ends, in characters from the start of the corpus."""
        return list(accumulate(file.characters for file in self.manifest.files))


def describe(texts: list[str], vocabulary: Vocabulary, tokens: bytes) -> Manifest:
    """The manifest of `texts`; the id depends on their content and order alone."""
    files = tuple(
        FileEntry(characters=len(text), sha256=digest(text.encode("utf-8", "surrogatepass")))
        for text in texts
    )
    return Manifest(
        format=dataset_format,
        dataset_id=_identity(files),
        characters=sum(file.characters for file in files),
        vocabulary_size=len(vocabulary),
        vocabulary_sha256=vocabulary.digest,
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
    """Write a dataset, its manifest last; parts that are there already are mended by this."""
    manifest = dataset.manifest
    folder = dataset_folder(manifest.dataset_id)
    store.put(f"{folder}/tokens.npy", npy_bytes(dataset.tokens))
    store.put(f"{folder}/vocabulary.json", canonical_json(dataset.vocabulary.to_json()))
    try:
        store.create(f"{folder}/manifest.json", canonical_json(manifest.model_dump(mode="json")))
    except StoreError:
        # Another run finished the same work, or the reply to this one's was lost.
        if not exists(store, manifest.dataset_id):
            raise
        if load_manifest(store, manifest.dataset_id) != manifest:
            name = store.location(f"{folder}/manifest.json")
            raise DamagedObject(name, "is not the manifest of these texts") from None


def exists(store: Store, dataset_id: str) -> bool:
    """Whether a complete dataset of that id is in the store."""
    return "manifest.json" in store.names(dataset_folder(dataset_id))


def is_whole(store_url: str, dataset_id: str, problems: list[DamagedObject]) -> bool:
    """Whether a dataset is in the store, sound in every byte; damage is added to `problems`."""
    if not exists(open_store(store_url), dataset_id):
        return False
    try:
        load(store_url, dataset_id)
    except NewerFormat:
        raise
    except DamagedObject as error:
        problems.append(error)
    return not problems


@removable()
@read_again_if_damaged
def load_manifest(store: Store, dataset_id: str) -> Manifest:
    """The manifest of a dataset, checked."""
    path = f"{dataset_folder(dataset_id)}/manifest.json"
    name = store.location(path)
    try:
        content = strict_json(store.read(path))
        if isinstance(content, dict) and content.get("format", 0) > dataset_format:
            raise NewerFormat(name, content["format"], dataset_format)
        manifest = Manifest.model_validate(content)
    except ObjectMissing as error:
        raise UnknownObject(f"no dataset {dataset_id} in {store.url}: ingest it first") from error
    except (ValidationError, ValueError, TypeError) as error:
        raise DamagedObject(name, "not a dataset's manifest") from error
    if manifest.dataset_id != dataset_id:
        raise DamagedObject(name, f"is of dataset {manifest.dataset_id}")
    characters = sum(file.characters for file in manifest.files)
    if _identity(manifest.files) != dataset_id or manifest.characters != characters:
        raise DamagedObject(name, "its files do not give its id, bytes were altered")
    return manifest


@lru_cache(maxsize=2)  # a run asks for the same dataset at each of its chunks
def load(store_url: str, dataset_id: str) -> Dataset:
    """Open a dataset and verify every byte; tokens of a remote store go through a local cache."""
    store = open_store(store_url)
    manifest = load_manifest(store, dataset_id)
    folder = dataset_folder(dataset_id)
    vocabulary = _load_vocabulary(store, f"{folder}/vocabulary.json", manifest)
    if len(vocabulary) != manifest.vocabulary_size:
        name = store.location(f"{folder}/manifest.json")
        raise DamagedObject(name, f"vocabulary_size is not {len(vocabulary)}, bytes were altered")
    tokens = _map_tokens(store, f"{folder}/tokens.npy", manifest)
    return Dataset(manifest=manifest, vocabulary=vocabulary, tokens=tokens)


def dataset_folder(dataset_id: str) -> str:
    """Folder of a dataset in the store."""
    return f"datasets/{dataset_id}"


def _identity(files: tuple[FileEntry, ...]) -> str:
    return identity([dataset_format, [file.model_dump() for file in files]])


def _read_part(store: Store, path: str) -> bytes:
    try:
        return store.read(path)
    except ObjectMissing as error:
        raise DamagedObject(store.location(path), "is missing from its dataset") from error


@read_again_if_damaged
def _load_vocabulary(store: Store, path: str, manifest: Manifest) -> Vocabulary:
    data = _read_part(store, path)
    if digest(data) != manifest.vocabulary_sha256:
        raise DamagedObject(store.location(path), "sha256 mismatch, bytes were altered")
    return Vocabulary.from_json(strict_json(data), store.location(path))


@read_again_if_damaged
def _map_tokens(store: Store, path: str, manifest: Manifest) -> TokenArray:
    """Tokens (N,) mapped into memory from a file whose bytes were verified."""
    name = store.location(path)
    if isinstance(store, LocalStore):
        file = Path(name)
        if not file.is_file():
            raise DamagedObject(name, "is missing from its dataset")
    else:
        file = _cached_copy(store, path, manifest.tokens_sha256)
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
    """A local copy of a remote object, made once: mapping wants a file."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = LocalStore(str(Path(base) / "rnn-retraining"))
    name = f"{sha256}.npy"
    if name not in cache.names("tokens") or digest(cache.read(f"tokens/{name}")) != sha256:
        cache.put(f"tokens/{name}", _read_part(store, path))
    return Path(cache.location(f"tokens/{name}"))
