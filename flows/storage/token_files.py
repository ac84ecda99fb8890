"""Arrays of a dataset as .npy files: its tokens and its blocks; verified, then mapped into memory."""

from __future__ import annotations

import hashlib
import io
import re
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.exceptions import DamagedObject, ObjectMissing
from flows.storage.copies import cached_copy, forget_copy
from flows.storage.damage import read_again_if_damaged, too_large, warn
from flows.storage.failures import not_files, reason, store_error
from flows.storage.manifests import DatasetManifest, dataset_folder
from flows.storage.stores import Store
from flows.text import Blocks, BlockTable, TokenArray, Vocabulary
from flows.text.blocks import block_type, shortest_block

piece_tokens = 1 << 20
piece_blocks = 1 << 16
no_tokens: TokenArray = np.empty(0, np.uint8)
BlockKind = Literal["blocks", "chunks"]  # borders at line ends, or found by content alone


class Array(NamedTuple):
    """An array in a file, as it is expected."""

    path: str  # in the store
    sha256: str
    dtype: np.dtype[Any]
    length: int

    @property
    def header(self) -> bytes:
        """What numpy writes before it: compared, not parsed, when it is read."""
        buffer = io.BytesIO()
        description = np.lib.format.dtype_to_descr(self.dtype)
        fields = {"descr": description, "fortran_order": False, "shape": (self.length,)}
        np.lib.format.write_array_header_1_0(buffer, fields)
        return buffer.getvalue()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.header) + self.length * self.dtype.itemsize


def token_bytes(
    pieces: Iterable[TokenArray], vocabulary: Vocabulary, length: int
) -> Iterator[bytes | memoryview]:
    """`tokens.npy` in pieces, of tokens (length,) that come in pieces."""
    yield Array("", "", vocabulary.dtype, length).header
    for piece in pieces:
        yield piece.view(np.ndarray).data.cast("B")


def map_written(
    store: Store, manifest: DatasetManifest, vocabulary: Vocabulary
) -> TokenArray | None:
    """Tokens (N,) that this process has just written, mapped as they are; None from a remote store."""
    path = f"{dataset_folder(manifest.dataset_id)}/tokens.npy"
    array = Array(path, manifest.tokens_sha256, vocabulary.dtype, manifest.characters)
    if (file := store.local_file(path)) is None or not array.length:
        return None
    return np.memmap(file, array.dtype, "r", len(array.header), array.length)


def map_tokens(store: Store, manifest: DatasetManifest, vocabulary: Vocabulary) -> TokenArray:
    """Tokens (N,) mapped into memory from a file whose bytes were verified."""
    path = f"{dataset_folder(manifest.dataset_id)}/tokens.npy"
    name, dtype = store.location(path), vocabulary.dtype
    if manifest.tokens_dtype != dtype.name:
        raise DamagedObject(name, f"is of {manifest.tokens_dtype}, its vocabulary of another type")
    if not manifest.characters:
        raise DamagedObject(name, "has no tokens")
    array = Array(path, manifest.tokens_sha256, dtype, manifest.characters)
    return _map(store, array, most=len(vocabulary) - 1)


def save_blocks(
    store: Store, dataset_id: str, table: BlockTable, kind: BlockKind = "blocks"
) -> None:
    """Write `blocks-<SHA-256>.npy` or `chunks-…`, which spares the next reader all digests."""
    whole = hashlib.sha256()
    for piece in _block_bytes(table):
        whole.update(piece)
    name = f"{kind}-{whole.hexdigest()}.npy"
    store.put_stream(f"{dataset_folder(dataset_id)}/{name}", _block_bytes(table))


def _block_bytes(table: BlockTable) -> Iterator[bytes]:
    """The file of blocks in pieces."""
    yield Array("", "", block_type, len(table.lengths)).header
    digests = table.digests if table.digests is not None else np.empty(0, np.uint64)
    for start in range(0, len(table.lengths), piece_blocks):
        part = slice(start, start + piece_blocks)
        records = np.empty(len(table.lengths[part]), block_type)
        records["digest"], records["length"] = digests[part], table.lengths[part]
        yield records.tobytes()
        table.release()


def load_blocks(
    store: Store, manifest: DatasetManifest, kind: BlockKind = "blocks"
) -> BlockTable | None:
    """The blocks of a dataset; None where they are not stored, or are corrupt, which is reported."""
    folder = dataset_folder(manifest.dataset_id)
    there = any(is_blocks(name, kind) for name in store.names(folder))
    for name, size in (store.sizes(folder) if there else {}).items():
        if not is_blocks(name, kind):
            continue
        path = f"{folder}/{name}"
        length = (size - len(Array("", "", block_type, 0).header)) // block_type.itemsize
        try:
            if not 0 < length <= manifest.characters // shortest_block + len(manifest.files):
                raise DamagedObject(store.location(path), f"has {length:,} blocks")
            blocks = _map(store, Array(path, name[len(kind) + 1 : -4], block_type, length))
            table = BlockTable.of_records(blocks)
            if Blocks(no_tokens, Vocabulary(""), table).characters != manifest.characters:
                raise DamagedObject(store.location(path), "is not of a text of that length")
        except DamagedObject as error:
            warn(error, "computed again")
        else:
            return table
    return None


def is_blocks(name: str, kind: BlockKind | None = None) -> bool:
    """Whether that is the name of a file of blocks, of a kind or any."""
    return re.fullmatch(rf"({kind or 'blocks|chunks'})-[0-9a-f]{{64}}\.npy", name) is not None


@read_again_if_damaged
def _map(store: Store, array: Array, most: int | None = None) -> NDArray[Any]:
    """An array of values up to `most`, mapped into memory from a file whose bytes were verified."""
    name, file = store.location(array.path), store.local_file(array.path)
    is_copy = file is None
    try:
        if file is None:
            download = partial(store.download, array.path, most=array.size)
            file = cached_copy(array.sha256, download)
        _verify(file, name, array, most)
    except (ObjectMissing, FileNotFoundError) as error:
        raise DamagedObject(name, "is missing from its dataset") from error
    except DamagedObject:
        if is_copy:
            forget_copy(array.sha256)
        raise
    except OSError as error:
        if error.errno in not_files:
            raise DamagedObject(name, "is not a file") from error
        raise store_error(f"cannot read {name}: {reason(error)}", error) from error
    return np.memmap(file, array.dtype, "r", len(array.header), array.length)


def _verify(file: Path, name: str, array: Array, most: int | None) -> None:
    """Compare a file with what is expected; its values, unless `most` is None, with that."""
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise DamagedObject(name, "is not a file")
    if found.st_size > array.size:
        raise too_large(name, found.st_size, array.size)
    whole, largest = hashlib.sha256(), 0
    values = np.empty(piece_tokens, array.dtype)  # one buffer: fresh memory is slow
    with file.open("rb") as stream:
        header = stream.read(len(array.header))
        whole.update(header)
        while size := stream.readinto(values.data.cast("B")):
            whole.update(values.data.cast("B")[:size])
            if most is not None:
                largest = max(largest, int(values[: size // array.dtype.itemsize].max(initial=0)))
    if whole.hexdigest() != array.sha256:
        raise DamagedObject(name, "sha256 mismatch, bytes were altered")
    if (found.st_size, header) != (array.size, array.header):
        raise DamagedObject(name, "not an array of tokens as its manifest says")
    if most is not None and largest > most:
        raise DamagedObject(name, f"has the token {largest}, which no character has")
