"""Datasets: a corpus as tokens with its vocabulary, named by content, never changed."""

from __future__ import annotations

import hashlib
import io
import stat
from itertools import accumulate
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator

from flows.exceptions import DamagedObject, ObjectMissing, StoreError, UnknownObject
from flows.storage import bounds
from flows.storage.backends.local import LocalStore
from flows.storage.cache import Cache
from flows.storage.canonical import canonical_json, digest, identity, strict_json
from flows.storage.damage import read_again_if_damaged, too_large, warn
from flows.storage.documents import Document, create_document, load_document
from flows.storage.failures import not_files, reason, store_error
from flows.storage.stores import Store
from flows.text import Blocks, Division, Split, SplitMethod, TokenArray, Vocabulary, divide, split
from rnncore.folders import cache_folders, first_writable

dataset_format = 1


class FileEntry(BaseModel):
    """One file of the corpus, in its order."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    characters: int = Field(ge=0)
    sha256: str  # of the text in UTF-8


class DatasetManifest(Document):
    """`manifest.json`: written last, so where it exists the dataset is complete."""

    what: ClassVar[str] = "a dataset's manifest"
    newest_format: ClassVar[int] = dataset_format
    most: ClassVar[int] = bounds.manifest

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
    _divisions: dict[tuple[float, SplitMethod], Division] = PrivateAttr(default_factory=dict)

    @property
    def file_ends(self) -> list[int]:
        """Where each file ends, in characters from the start of the corpus."""
        return list(accumulate(file.characters for file in self.manifest.files))

    def split(self, share: float, method: SplitMethod) -> Split:
        """The text to train on, and the share of it to hold out."""
        return split(self.divide(share, method))

    def divide(self, share: float, method: SplitMethod) -> Division:
        """As `split`, as blocks; their digests are computed once."""
        key = share, method
        if key not in self._divisions:
            self._divisions[key] = divide(self.blocks(), share, method)
        return self._divisions[key]

    def blocks(self) -> Blocks:
        """All blocks of the text."""
        return Blocks.of_text(self.tokens, self.vocabulary, self.file_ends)


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
    return _npy_header(tokens.dtype, len(tokens)) + tokens.tobytes()


def _npy_header(dtype: np.dtype[np.unsignedinteger], length: int) -> bytes:
    """What numpy writes before `length` tokens: compared, not parsed, when they are read."""
    buffer = io.BytesIO()
    description = np.lib.format.dtype_to_descr(dtype)
    fields = {"descr": description, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(buffer, fields)
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
    tokens = _map_tokens(store, f"{folder}/tokens.npy", manifest, vocabulary)
    return Dataset(manifest=manifest, vocabulary=vocabulary, tokens=tokens)


def _identity(files: tuple[FileEntry, ...]) -> str:
    return identity([dataset_format, [file.model_dump() for file in files]])


def _vocabulary_json(vocabulary: Vocabulary) -> bytes:
    return canonical_json(list(vocabulary.characters))


def _read_part(store: Store, path: str, most: int) -> bytes:
    try:
        return store.read(path, most)
    except ObjectMissing as error:
        raise DamagedObject(store.location(path), "is missing from its dataset") from error


@read_again_if_damaged
def _load_vocabulary(store: Store, path: str, manifest: DatasetManifest) -> Vocabulary:
    data, name = _read_part(store, path, bounds.vocabulary), store.location(path)
    if digest(data) != manifest.vocabulary_sha256:
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    try:
        return Vocabulary.from_list(strict_json(data))
    except ValueError as error:
        raise DamagedObject(name, str(error)) from error


@read_again_if_damaged
def _map_tokens(
    store: Store, path: str, manifest: DatasetManifest, vocabulary: Vocabulary
) -> TokenArray:
    """Tokens (N,) mapped into memory from a file whose bytes were verified."""
    name = store.location(path)
    header = _npy_header(vocabulary.dtype, manifest.characters)
    size = len(header) + manifest.characters * vocabulary.dtype.itemsize
    if manifest.tokens_dtype != vocabulary.dtype.name:
        raise DamagedObject(name, f"is of {manifest.tokens_dtype}, its vocabulary of another type")
    file = store.local_file(path) or _cached_copy(store, path, manifest.tokens_sha256, size)
    try:
        _verify(file, name, manifest.tokens_sha256, size, header)
    except FileNotFoundError as error:
        raise DamagedObject(name, "is missing from its dataset") from error
    except OSError as error:
        if error.errno in not_files:
            raise DamagedObject(name, "is not a file") from error
        raise store_error(f"cannot read {name}: {reason(error)}", error) from error
    if not manifest.characters:
        raise DamagedObject(name, "has no tokens")
    tokens: TokenArray = np.memmap(file, vocabulary.dtype, "r", len(header), manifest.characters)
    if tokens.max() >= len(vocabulary):
        raise DamagedObject(name, f"has the token {tokens.max()}, which no character has")
    return tokens


def _verify(file: Path, name: str, sha256: str, size: int, header: bytes) -> None:
    """Compare a file of tokens with its digest, and then with what its manifest says."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise DamagedObject(name, "is not a file")
    if (found := file.stat().st_size) > size:
        raise too_large(name, found, size)
    with file.open("rb") as stream:
        if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:
            raise DamagedObject(name, "sha256 mismatch, bytes were altered")
        stream.seek(0)
        if found != size or stream.read(len(header)) != header:
            raise DamagedObject(name, "not an array of tokens as its manifest says")


def cache_folder() -> Path:
    """The local folder of copies of remote objects."""
    if (folder := first_writable(cache_folders("rnn-retraining"))) is None:
        message = "no folder can be written for copies of remote objects: set XDG_CACHE_HOME to one"
        raise StoreError(message)
    return folder


def _cached_copy(store: Store, path: str, sha256: str, size: int) -> Path:
    """A local copy of a remote object, made once: only a file can be mapped."""
    cache = LocalStore(str(cache_folder()), Cache())
    copy = f"tokens/{sha256}.npy"
    try:
        intact = digest(cache.read(copy, size)) == sha256
    except (ObjectMissing, DamagedObject):
        intact = False
    if not intact:
        cache.put(copy, _read_part(store, path, size))
    return Path(cache.location(copy))
