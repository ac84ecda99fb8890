"""Datasets: a corpus as tokens with its vocabulary, named by content, never changed."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import accumulate
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, PrivateAttr

from flows.exceptions import DamagedObject, ObjectMissing
from flows.storage import bounds
from flows.storage.canonical import digest, strict_json
from flows.storage.copies import cache_folder
from flows.storage.damage import read_again_if_damaged, warn
from flows.storage.documents import create_document
from flows.storage.manifests import (
    DatasetManifest,
    FileEntry,
    dataset_folder,
    describe,
    exists,
    identity_of,
    is_dataset_id,
    load_manifest,
    vocabulary_json,
)
from flows.storage.stores import Store
from flows.storage.token_files import (
    BlockKind,
    is_blocks,
    load_blocks,
    map_tokens,
    map_written,
    no_tokens,
    save_blocks,
    token_bytes,
)
from flows.text import (
    Blocks,
    BlockTable,
    Division,
    Encoder,
    Scanner,
    Split,
    SplitMethod,
    TokenArray,
    Unit,
    Vocabulary,
    chunks_of,
    divide,
    split,
)
from flows.text.blocks import block_type
from flows.text.scanning import ScannedFile, piece_bytes
from flows.text.side_by_side import Lanes, counts_of, scan_all
from flows.text.spares import Spares

__all__ = [
    "Dataset",
    "DatasetManifest",
    "FileEntry",
    "ScannedText",
    "dataset_folder",
    "exists",
    "is_dataset_id",
    "is_intact",
    "load",
    "load_manifest",
    "load_vocabulary",
    "save",
    "scan",
    "tokenise",
]

waiting_bytes = 1 << 20  # of the blocks of a file


class ScannedText(BaseModel):
    """A text after the first pass: all that is known of it but its tokens."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    files: tuple[FileEntry, ...]
    vocabulary: Vocabulary
    table: BlockTable
    _divisions: dict[tuple[float, SplitMethod], Division] = PrivateAttr(default_factory=dict)

    @cached_property
    def dataset_id(self) -> str:
        """The id of the dataset that it is, or will be."""
        return identity_of(self.files, self.vocabulary.unit)

    @cached_property
    def characters(self) -> int:
        """Length of the text."""
        return sum(file.characters for file in self.files)

    @property
    def file_ends(self) -> list[int]:
        """Where each file ends, in characters from the start of the corpus."""
        return list(accumulate(file.characters for file in self.files))

    def divide(self, share: float, method: SplitMethod) -> Division:
        """The blocks to train on, and the share of them to hold out."""
        key = share, method
        if key not in self._divisions:
            self._divisions[key] = divide(self.blocks(method), share, method)
        return self._divisions[key]

    def blocks(self, method: SplitMethod = "content") -> Blocks:
        """All blocks of the text, as a method of dividing it cuts them."""
        if method == "chunks":
            raise ValueError("a text is cut into chunks when it is encoded")
        return Blocks(no_tokens, self.vocabulary, self.table)


class Dataset(ScannedText):
    """A dataset opened for reading: its manifest, vocabulary, and tokens (N,) mapped from disk."""

    manifest: DatasetManifest
    tokens: TokenArray
    stored_chunks: BlockTable | None = None  # the blocks of the method "chunks"

    @cached_property
    def chunks(self) -> BlockTable:
        """Blocks with borders found by content alone, of which an edit changes few."""
        return self.stored_chunks or chunks_of(self.tokens, self.vocabulary, self.file_ends)

    def split(self, share: float, method: SplitMethod) -> Split:
        """The tokens to train on, and those to hold out."""
        return split(self.divide(share, method))

    def blocks(self, method: SplitMethod = "content") -> Blocks:
        table = self.chunks if method == "chunks" else self.table
        return Blocks(self.tokens, self.vocabulary, table)


class Scan(NamedTuple):
    """What the first pass found."""

    text: ScannedText
    counts: NDArray[np.int64]  # (V,) how often each character of the vocabulary occurs
    files: tuple[ScannedFile, ...]


def scan(
    texts: Iterable[tuple[str, Iterable[bytes | memoryview]]],
    unit: Unit,
    file: BinaryIO | None = None,
    lanes: Lanes | None = None,
) -> Scan:
    """The first pass over files, each a name for errors and its bytes in pieces.

    The table of blocks is mapped from `file`, an empty temporary one; by default it is in memory.
    Files are read side by side on `lanes`, by default one after the other.
    """
    sink, scanners = file or io.BytesIO(), Spares(lambda: Scanner(unit))
    scanned = tuple(scan_all(texts, scanners, sink, lanes or Lanes(), _temporary))
    files = tuple(FileEntry(characters=each.characters, sha256=each.sha256) for each in scanned)
    sink.flush()
    records: NDArray[np.void]
    if file and file.tell():
        records = np.memmap(file, block_type, "r")
    else:
        sink.seek(0)
        records = np.frombuffer(sink.read(), block_type)
    scanner = counts_of(scanners, unit)
    vocabulary, table = scanner.vocabulary, BlockTable.of_records(records)
    text = ScannedText(files=files, vocabulary=vocabulary, table=table)
    return Scan(text, scanner.counts[vocabulary.code_points], scanned)


def _temporary() -> BinaryIO:
    """A file for the blocks of a file that waits for those before: in memory, if they are few."""
    return cast("BinaryIO", SpooledTemporaryFile(waiting_bytes, dir=str(cache_folder())))


def tokenise(texts: Sequence[str], unit: Unit = "character") -> Dataset:
    """Vocabulary and tokens of `texts`, in memory; nothing is written."""
    data = [text.encode("utf-8") for text in texts]
    scanned = scan((("text", in_pieces(each)) for each in data), unit).text
    encoder = Encoder(scanned.vocabulary)
    dtype = scanned.vocabulary.dtype
    tokens = np.concatenate(
        [
            np.empty(0, dtype),
            *(piece.copy() for each in data for piece in encoder.encode(in_pieces(each))),
        ]
    )
    whole = hashlib.sha256()
    for part in token_bytes([tokens], scanned.vocabulary, len(tokens)):
        whole.update(part)
    manifest = describe(scanned.files, scanned.vocabulary, whole.hexdigest())
    return Dataset(**dict(scanned), manifest=manifest, tokens=tokens)


def write_temporary(text: ScannedText, tokens: Iterable[TokenArray], file: IO[bytes]) -> Dataset:
    """A dataset that is not stored: its tokens are written to a temporary file, and mapped."""
    whole, parts = hashlib.sha256(), token_bytes(tokens, text.vocabulary, text.characters)
    header = next(parts)
    whole.update(header)
    for part in parts:
        whole.update(part)
        file.write(part)
    file.flush()
    manifest = describe(text.files, text.vocabulary, whole.hexdigest())
    mapped = np.memmap(file, text.vocabulary.dtype, "r", 0, text.characters)
    return Dataset(**dict(text), manifest=manifest, tokens=mapped)


def in_pieces(data: bytes) -> Iterable[memoryview]:
    """Bytes in memory, in pieces."""
    view = memoryview(data)
    return (view[start : start + piece_bytes] for start in range(0, len(view), piece_bytes))


def save(store: Store, text: ScannedText, tokens: Iterable[TokenArray] | None = None) -> None:
    """Write a dataset, its manifest last; this repairs parts that are corrupt.

    `tokens` come in pieces; those of a dataset in memory are its own.
    """
    if tokens is None:
        tokens = [text.tokens] if isinstance(text, Dataset) else []
    folder, vocabulary = dataset_folder(text.dataset_id), text.vocabulary
    sha256 = store.put_stream(
        f"{folder}/tokens.npy", token_bytes(tokens, vocabulary, text.characters)
    )
    manifest = describe(text.files, vocabulary, sha256)
    store.put(f"{folder}/vocabulary.json", vocabulary_json(vocabulary))
    save_blocks(store, text.dataset_id, text.table)
    path = f"{folder}/manifest.json"
    if create_document(store, path, manifest) != manifest:
        raise DamagedObject(store.location(path), "is not the manifest of these texts")
    if (mapped := map_written(store, manifest, vocabulary)) is not None:
        written = Dataset(**dict(text) | {"manifest": manifest, "tokens": mapped})
        store.cache.put("dataset", text.dataset_id, written)  # its bytes are known: none is read


def complete(store: Store, text: ScannedText, method: SplitMethod) -> None:
    """Write the blocks that a method of dividing a dataset needs, where they are not stored yet."""
    kind: BlockKind = "chunks" if method == "chunks" else "blocks"
    names = store.names(dataset_folder(text.dataset_id))
    if not any(is_blocks(name, kind) for name in names):
        save_blocks(store, text.dataset_id, text.blocks(method).table, kind)


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


def load(store: Store, dataset_id: str) -> Dataset:
    """Open a dataset and verify every byte; tokens of a remote store go through a local cache."""
    return store.cache.get("dataset", dataset_id, lambda: _load(store, dataset_id))


def load_vocabulary(store: Store, dataset_id: str) -> Vocabulary:
    """The vocabulary of a dataset, checked; its tokens are not read."""
    manifest, folder = load_manifest(store, dataset_id), dataset_folder(dataset_id)
    vocabulary = _load_vocabulary(store, f"{folder}/vocabulary.json", manifest)
    if len(vocabulary) != manifest.vocabulary_size:
        name = store.location(f"{folder}/manifest.json")
        raise DamagedObject(name, f"vocabulary_size is not {len(vocabulary)}, bytes were altered")
    return vocabulary


def _load(store: Store, dataset_id: str) -> Dataset:
    manifest, vocabulary = load_manifest(store, dataset_id), load_vocabulary(store, dataset_id)
    tokens = map_tokens(store, manifest, vocabulary)
    ends = list(accumulate(file.characters for file in manifest.files))
    table = load_blocks(store, manifest) or Blocks.of_text(tokens, vocabulary, ends).table
    return Dataset(
        manifest=manifest,
        files=manifest.files,
        vocabulary=vocabulary,
        table=table,
        tokens=tokens,
        stored_chunks=load_blocks(store, manifest, "chunks"),
    )


@read_again_if_damaged
def _load_vocabulary(store: Store, path: str, manifest: DatasetManifest) -> Vocabulary:
    name = store.location(path)
    try:
        data = store.read(path, bounds.vocabulary)
    except ObjectMissing as error:
        raise DamagedObject(name, "is missing from its dataset") from error
    if digest(data) != manifest.vocabulary_sha256:
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    try:
        return Vocabulary.from_list(strict_json(data), manifest.unit)
    except ValueError as error:
        raise DamagedObject(name, str(error)) from error
