"""An append-only log of small JSON records: what happened, in order, each written exactly once.

A record's number is one more than the highest that its writer saw, and it is created only if
absent: that create is the compare-and-swap that keeps one history. The number to swap on comes
from the listing that was read; listing again later would lose another run's update.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.exceptions import (
    DamagedObject,
    NewerFormat,
    ObjectMissing,
    StorageError,
    StoreError,
)
from flows.storage.files import Store, read_again_if_damaged

record_format = 1
number_digits = 12
Content = TypeVar("Content", bound=BaseModel)
field_types = {
    "format": int,
    "number": int,
    "kind": str,
    "created_at": str,
    "writer": str,
    "nonce": str,
    "content": dict,
}


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a log, verified: its number, kind and time, who wrote it, and what it says."""

    number: int
    kind: str
    created_at: str  # UTC, ISO 8601
    writer: str  # host and process
    nonce: str
    content: dict[str, Any]

    def parse(self, model: type[Content]) -> Content:
        """What the record says, as `model`; `DamagedObject` if it does not say that."""
        try:
            return model.model_validate(self.content)
        except ValidationError as error:
            raise DamagedObject(f"record {self.number}", f"not a {self.kind}") from error


class RecordConflict(StorageError):
    """Another writer created the next record first; `winner` is what it wrote."""

    def __init__(self, path: str, winner: Record) -> None:
        super().__init__(f"{path} was written by {winner.writer} at {winner.created_at}")
        self.winner = winner


class Log:
    """The records under one folder of a store."""

    def __init__(self, store: Store, folder: str) -> None:
        self._store = store
        self._folder = folder

    def path(self, number: int) -> str:
        """Path of record `number` in the store."""
        return f"{self._folder}/{number:0{number_digits}}.json"

    def location(self, number: int) -> str:
        """Where a person finds record `number`."""
        return self._store.location(self.path(number))

    def look(self) -> Listing:
        """List the log afresh; its records are read as they are asked for."""
        pattern = re.compile(rf"([0-9]{{{number_digits}}})\.json")
        matches = (pattern.fullmatch(name) for name in self._store.names(self._folder))
        return Listing(self, [int(match[1]) for match in matches if match])

    @read_again_if_damaged
    def read(self, number: int) -> Record:
        """Record `number`; `DamagedObject` if it is not sound."""
        return parse_record(self.location(number), self._store.read(self.path(number)), number)

    def append(self, kind: str, content: dict[str, Any], *, after: int) -> Record:
        """Add a record behind number `after`; `RecordConflict` if another writer was first.

        Whatever the create said, what lies there now decides: a lost reply is not a lost race.
        """
        path = self.path(after + 1)
        record = {
            "format": record_format,
            "number": after + 1,
            "kind": kind,
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "writer": f"{socket.gethostname()} process {os.getpid()}",
            "nonce": secrets.token_hex(16),
            "content": content,
        }
        sealed = record | {"checksum": digest(canonical_json(record))}
        try:
            self._store.create(path, canonical_json(sealed))
        except StoreError as error:
            try:
                found = self.read(after + 1)
            except ObjectMissing:
                raise error from None
            if found.nonce != record["nonce"]:
                raise RecordConflict(self._store.location(path), found) from error
            return found
        return parse_record(path, canonical_json(sealed), after + 1)


class Listing:
    """A log as one fresh listing showed it."""

    def __init__(self, log: Log, numbers: list[int]) -> None:
        self._log = log
        self._numbers = numbers
        self.damaged: list[DamagedObject] = []  # met so far, newest first

    @property
    def head(self) -> int:
        """The highest number listed, sound or not: what to append after. -1 for an empty log."""
        return self._numbers[-1] if self._numbers else -1

    def newest_first(self, kind: str) -> Iterator[Record]:
        """Sound records of `kind`; those that are damaged go to `damaged` and are passed over."""
        after = self.head
        for number in reversed(self._numbers):
            if number < after - 1:
                self.damaged.append(DamagedObject(self._log.location(after - 1), "is missing"))
            after = number
            try:
                record = self._log.read(number)
            except NewerFormat:
                raise  # an older program must not go on behind a newer one's back
            except DamagedObject as error:
                self.damaged.append(error)
                continue
            if record.kind == kind:
                yield record

    def contents(self, kind: str, model: type[Content]) -> Iterator[tuple[int, Content]]:
        """Numbers of the sound records of `kind`, newest first, and what they say as `model`."""
        for record in self.newest_first(kind):
            try:
                content = record.parse(model)
            except DamagedObject as error:
                self.damaged.append(error)
            else:
                yield record.number, content


def parse_record(name: str, data: bytes, number: int) -> Record:
    """The record that `data` holds; `DamagedObject` with the reason if it is not sound."""
    try:
        sealed = strict_json(data)
        checksum = sealed.pop("checksum", None) if isinstance(sealed, dict) else None
        computed = digest(canonical_json(sealed))
    except ValueError as error:
        raise DamagedObject(name, f"not a JSON record ({error})") from error
    if not isinstance(sealed, dict):
        raise DamagedObject(name, "not a JSON record (no object)")
    # Every format has the same checksum, so that damage is not taken for a newer one.
    if checksum != computed:
        raise DamagedObject(name, "checksum mismatch, bytes were altered")
    found = sealed.get("format")
    if isinstance(found, int) and found > record_format:
        raise NewerFormat(name, found, record_format)
    if sealed.get("number") != number:
        raise DamagedObject(name, f"holds record {sealed.get('number')}, expected {number}")
    for key, kind in field_types.items():
        if type(sealed.get(key)) is not kind:
            raise DamagedObject(name, f"its {key} is not of type {kind.__name__}")
    return Record(**{key: sealed[key] for key in field_types if key != "format"})
