"""Manifests: what a dataset is made of, and the names of its parts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from flows.exceptions import ObjectMissing, UnknownObject
from flows.storage import bounds
from flows.storage.canonical import canonical_json, digest, identity
from flows.storage.documents import Document, load_document
from flows.storage.stores import Store
from flows.text import Unit, Vocabulary

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
    unit: Unit = "character"  # left out where it is that

    @property
    def name(self) -> str:
        """As `dataset_id`."""
        return self.dataset_id

    @model_serializer(mode="wrap")
    def _without_usual_unit(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        content: dict[str, Any] = serialise(self)
        if self.unit == "character":
            content.pop("unit", None)
        return content

    @model_validator(mode="after")
    def _check_files(self) -> Self:
        characters = sum(file.characters for file in self.files)
        if (identity_of(self.files, self.unit), characters) != (self.dataset_id, self.characters):
            raise ValueError("its files do not give its id and length")
        return self


def describe(
    files: tuple[FileEntry, ...], vocabulary: Vocabulary, tokens_sha256: str
) -> DatasetManifest:
    """The manifest of a text; the id depends on its files' content and order alone."""
    return DatasetManifest(
        format=dataset_format,
        dataset_id=identity_of(files, vocabulary.unit),
        characters=sum(file.characters for file in files),
        vocabulary_size=len(vocabulary),
        vocabulary_sha256=digest(vocabulary_json(vocabulary)),
        tokens_sha256=tokens_sha256,
        tokens_dtype=vocabulary.dtype.name,
        files=files,
        unit=vocabulary.unit,
    )


def identity_of(files: Sequence[FileEntry], unit: Unit) -> str:
    """The id of the dataset of some files."""
    content: list[Any] = [dataset_format, [file.model_dump() for file in files]]
    return identity(content if unit == "character" else [*content, unit])


def vocabulary_json(vocabulary: Vocabulary) -> bytes:
    """`vocabulary.json`."""
    return canonical_json(list(vocabulary.characters))


def load_manifest(store: Store, dataset_id: str) -> DatasetManifest:
    """The manifest of a dataset, checked."""
    path = f"{dataset_folder(dataset_id)}/manifest.json"
    try:
        return load_document(store, path, DatasetManifest, dataset_id)
    except ObjectMissing as error:
        raise UnknownObject(f"no dataset {dataset_id} in {store.url}: ingest it first") from error


def exists(store: Store, dataset_id: str) -> bool:
    """Whether a complete dataset of that id is in the store."""
    return "manifest.json" in store.names(dataset_folder(dataset_id))


def is_dataset_id(name: str) -> bool:
    """Whether a folder of that name can be a dataset's."""
    return re.fullmatch("[0-9a-f]{16}", name) is not None


def dataset_folder(dataset_id: str) -> str:
    """Folder of a dataset in the store."""
    return f"datasets/{dataset_id}"
