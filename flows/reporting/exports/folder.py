"""The folder of an export: its files appear whole, none is overwritten, and a failure leaves none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import PurePosixPath
from typing import NamedTuple

from flows.exceptions import DamagedObject, ObjectExists, StoreError
from flows.storage.stores import Store, create_or_read, open_store

export_folder = "exports"  # in the store
card = "README.md"
names = ("model.safetensors", "model.onnx", "vocabulary.json", card)  # in the order of writing


class Folder(NamedTuple):
    """Where an export goes: a folder of a store."""

    store: Store
    path: str  # in the store; empty for the store's own folder

    @classmethod
    def chosen(cls, store: Store, model: str, version: int, url: str | None) -> Folder:
        """The folder at `url`, or the usual one of a version; nothing is made yet."""
        if url is None:
            return cls(store, f"{export_folder}/{model}/{version}")
        try:
            found = cls(open_store(url), "")
        except StoreError as error:
            raise type(error)(f"cannot export there: {error}") from error
        inside = _path_inside(found.store, store)
        if inside is not None and inside.parts[:1] != (export_folder,):
            raise StoreError(
                f"cannot export to {found.location}: it is in the store, whose other folders are its"
                f" own; leave the folder out for {export_folder}/{model}/{version} in the store"
            )
        return found

    @property
    def location(self) -> str:
        """Where a person finds it."""
        return self.store.location(self.path).rstrip("/")

    def missing(self, files: Mapping[str, bytes]) -> list[str]:
        """The names of `files` that are not there; `ObjectExists` where anything else is.

        A card stays as it is: people write the licence into it.
        """
        there = set(self.store.names(self.path))
        for name in sorted(there - set(names)):
            if not name.startswith("."):
                raise self._taken(f"it holds {name}, which no export has")
        if card in there and names[0] not in there:
            raise self._taken(f"it holds {card}, but no {names[0]}")
        for name in files:
            if name in there and name != card:
                self._compare(name, files[name])
        return [name for name in files if name not in there]

    def write(self, files: Mapping[str, bytes]) -> list[str]:
        """Write what is missing, the card last, or nothing; the names of what was written."""
        is_new, written = self.store.is_new(), list[str]()
        try:
            for name in self.missing(files):
                if self._create(name, files[name]):
                    written.append(name)
        except BaseException:
            with suppress(StoreError):  # the first failure is the one to tell
                for name in written:
                    self.store.remove(self._at(name))
                if self.path or is_new:
                    self.store.remove_folders(self.path.partition("/")[0])
            raise
        return written

    def _create(self, name: str, data: bytes) -> bool:
        """Whether the file is new; another export may have written it since it was looked for."""
        path = self._at(name)
        found = create_or_read(
            self.store, path, data, lambda: self.store.read(path, len(data)), private=False
        )
        if found not in {None, data}:
            raise self._differs(name)
        return found is None

    def _compare(self, name: str, data: bytes) -> None:
        try:
            if self.store.read(self._at(name), len(data)) == data:
                return
        except DamagedObject as error:  # it is larger, or no file
            raise self._differs(name) from error
        raise self._differs(name)

    def _differs(self, name: str) -> ObjectExists:
        return self._taken(f"its {name} is of another checkpoint or was altered")

    def _taken(self, why: str) -> ObjectExists:
        return ObjectExists(
            f"cannot export to {self.location}: {why}; name an empty folder, or one to be made"
        )

    def _at(self, name: str) -> str:
        return f"{self.path}/{name}" if self.path else name


def _path_inside(inner: Store, outer: Store) -> PurePosixPath | None:
    """The path of a store's folder within another store; None where it is elsewhere."""
    places = [
        PurePosixPath(store.location("") if file is None else os.path.realpath(file))
        for store in (inner, outer)
        for file in [store.local_file("")]
    ]
    return places[0].relative_to(places[1]) if places[0].is_relative_to(places[1]) else None
