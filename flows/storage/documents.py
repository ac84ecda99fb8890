"""Documents: JSON objects that have a format and are named by their content; never changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from flows.exceptions import DamagedObject
from flows.storage import bounds
from flows.storage.canonical import canonical_json, strict_json
from flows.storage.damage import check_format, read_again_if_damaged, removable
from flows.storage.stores import Store, create_or_read


class Document(BaseModel, ABC):
    """Base of the documents."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    what: ClassVar[str]  # in messages, such as "a run's description"
    newest_format: ClassVar[int]
    most: ClassVar[int]  # bytes

    format: int

    @property
    @abstractmethod
    def name(self) -> str:
        """The name that its content gives it: equal content, equal name."""


Doc = TypeVar("Doc", bound=Document)


def create_document(store: Store, path: str, document: Doc) -> Doc:
    """Write `document` if there is none at `path` yet; returns the one that exists then."""
    data = canonical_json(document.model_dump(mode="json"))
    bounds.check(store.location(path), len(data), document.most)
    found = create_or_read(
        store, path, data, lambda: _read(store, path, type(document), document.name)
    )
    if found is None:
        store.cache.put("document", path, document)
    return found or document


def load_document(store: Store, path: str, model: type[Doc], name: str) -> Doc:
    """The document at `path`, whose content must give `name`; `ObjectMissing` if there is none."""
    return store.cache.get("document", path, lambda: _read(store, path, model, name))


@removable()
@read_again_if_damaged
def _read(store: Store, path: str, model: type[Doc], name: str) -> Doc:
    location = store.location(path)
    try:
        content = strict_json(store.read(path, model.most))
        if not isinstance(content, dict):
            raise TypeError("no object")
        check_format(location, content.get("format"), model.newest_format)
        document = model.model_validate(content)
        # Types as they were written: pydantic takes "1" for 1, too.
        if canonical_json(document.model_dump(mode="json", exclude_unset=True)) != (
            canonical_json(content)
        ):
            raise ValueError("values are not of the types that it is written with")
    except (ValueError, TypeError) as error:
        detail = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise DamagedObject(location, f"not {model.what} ({detail})") from error
    if document.name != name:
        raise DamagedObject(
            location, f"its content gives the name {document.name}, bytes were altered"
        )
    return document
