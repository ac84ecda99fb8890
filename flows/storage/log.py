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
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from flows.exceptions import DamagedObject, ObjectMissing, StorageError
from flows.storage import bounds
from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.damage import check_format, read_again_if_damaged, warn
from flows.storage.stores import Store, create_or_read

record_format = 1
number_digits = 12
most_races = 1000  # lost in a row, by one writer, for one record
most_missing = 1_000_000  # numbers in a row: a record after more of them is a stray file
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
    """One entry of a log, verified: its number, kind and time, who wrote it, and its content."""

    number: int
    kind: str
    created_at: str  # UTC, ISO 8601
    writer: str  # host and process
    nonce: str
    content: dict[str, Any]

    def parse(self, model: type[Content]) -> Content:
        """The content as `model`; `DamagedObject` if it does not fit."""
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

    def __init__(self, store: Store, folder: str, most: int = bounds.record) -> None:
        self.store = store
        self._folder = folder
        self._most = most  # bytes of a record

    def path(self, number: int) -> str:
        """Path of record `number` in the store."""
        return f"{self._folder}/{number:0{number_digits}}.json"

    def location(self, number: int) -> str:
        """Where a person finds record `number`."""
        return self.store.location(self.path(number))

    def list_records(self) -> Listing:
        """List the log afresh; its records are read as they are asked for."""
        names = filter(is_record, self.store.names(self._folder))
        return Listing(self, [int(name[:number_digits]) for name in names])

    def read(self, number: int) -> Record:
        """Record `number`, read once; `DamagedObject` if it is corrupt."""
        return self.store.cache.get("record", self.path(number), lambda: self._read(number))

    def remove(self) -> None:
        """Remove all records, the newest last: it says what becomes of the others."""
        for name in self.store.names(self._folder):
            if is_record(name):
                self.store.remove(f"{self._folder}/{name}")

    def update(self, kind: str, draft: Draft) -> Record:
        """Append what `draft` makes of the log as it is; again, where another writer was first.

        `draft` gets a fresh listing. It returns the content to append, or the record that already
        has it, or raises.
        """
        for _ in range(most_races):
            listing = self.list_records()
            content = draft(listing)
            if isinstance(content, Record):
                return content
            with suppress(RecordConflict):
                return self.append(kind, content.model_dump(mode="json"), after=listing.head)
        raise self._too_many_races()

    def append_past(self, kind: str, content: BaseModel, accept: Accept, *, after: int) -> Record:
        """Append `content` after number `after`, or after what others append meanwhile.

        `accept` gets each record that was there first: it returns True if that has the content,
        False to append after it, or raises.
        """
        for _ in range(most_races):
            try:
                return self.append(kind, content.model_dump(mode="json"), after=after)
            except RecordConflict as conflict:
                if accept(conflict.winner):
                    return conflict.winner
                after = conflict.winner.number
        raise self._too_many_races()

    def append(self, kind: str, content: dict[str, Any], *, after: int) -> Record:
        """Add a record after number `after`; `RecordConflict` if another writer was first.

        The record that exists then decides, by its nonce: a lost reply is not a lost race.
        """
        number = after + 1
        if number >= 10**number_digits:
            raise StorageError(f"the log {self.store.location(self._folder)} is full")
        record = {
            "format": record_format,
            "number": number,
            "kind": kind,
            "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
            "writer": f"{socket.gethostname()} process {os.getpid()}",
            "nonce": secrets.token_hex(16),
            "content": content,
        }
        data = canonical_json(record | {"checksum": digest(canonical_json(record))})
        bounds.check(self.location(number), len(data), self._most)
        found = create_or_read(self.store, self.path(number), data, lambda: self._read(number))
        if found and found.nonce != record["nonce"]:
            raise RecordConflict(self.location(number), found)
        appended = found or parse_record(self.location(number), data, number)
        self.store.cache.put("record", self.path(number), appended)
        return appended

    def _too_many_races(self) -> StorageError:
        return StorageError(
            f"the log {self.store.location(self._folder)} was changed by other runs at each of"
            f" {most_races} tries: let the other runs end, and start again"
        )

    @read_again_if_damaged
    def _read(self, number: int) -> Record:
        data = self.store.read(self.path(number), self._most)
        return parse_record(self.location(number), data, number)


class Listing:
    """A log as one fresh listing showed it."""

    def __init__(self, log: Log, numbers: list[int]) -> None:
        self._log = log
        known = [-1, *sorted(numbers)]
        pairs = enumerate(pairwise(known))
        end = next((at for at, (a, b) in pairs if b - a > most_missing), len(numbers))
        self._numbers, self._stray = known[1 : end + 1], known[end + 1 :]
        self.damaged: list[DamagedObject] = []  # found so far, newest first

    @property
    def head(self) -> int:
        """The highest number listed, intact or not: what to append after. -1 for an empty log.

        Numbers out of sequence do not count: what is appended after them would not be found.
        """
        return self._numbers[-1] if self._numbers else -1

    def newest_first(self, kind: str) -> Iterator[Record]:
        """Intact records of `kind`; corrupt and missing ones are reported and skipped.

        `NewerFormat` is raised: an older program must not continue a newer one's log.
        """
        for number in reversed(self._stray):
            reason = f"its number is out of sequence, expected at most {self.head + 1}: remove it"
            self._skip(DamagedObject(self._log.location(number), reason))
        after = self.head
        for number in reversed(self._numbers):
            if number < after - 1:
                self._skip(DamagedObject(self._log.location(after - 1), "is missing"))
            after = number
            record = self._read(number)
            if record and record.kind == kind:
                yield record

    def intact(self) -> Iterator[Record]:
        """Intact records of every kind, newest first; the others are skipped without a word."""
        for number in reversed(self._numbers):
            with suppress(DamagedObject, ObjectMissing):
                yield self._log.read(number)

    def oldest(self, kind: str) -> Record | None:
        """The first intact record of `kind`."""
        records = map(self._read, self._numbers)
        return next((record for record in records if record and record.kind == kind), None)

    def contents(self, kind: str, model: type[Content]) -> Iterator[tuple[Record, Content]]:
        """The intact records of `kind`, newest first, each with its content as `model`."""
        for record in self.newest_first(kind):
            try:
                content = record.parse(model)
            except DamagedObject as error:
                self._skip(DamagedObject(self._log.location(record.number), error.reason))
            else:
                yield record, content

    def _read(self, number: int) -> Record | None:
        """Record `number`; None if it is corrupt, which is reported."""
        try:
            return self._log.read(number)
        except DamagedObject as error:
            self._skip(error)
        except ObjectMissing:  # listed, but not there: a link that leads nowhere
            self._skip(DamagedObject(self._log.location(number), "is missing"))
        return None

    def _skip(self, error: DamagedObject) -> None:
        self.damaged.append(error)
        warn(error)


def is_record(name: str) -> bool:
    """Whether that is the name of a record."""
    return re.fullmatch(rf"[0-9]{{{number_digits}}}\.json", name) is not None


def parse_record(name: str, data: bytes, number: int) -> Record:
    """The record that `data` holds; `DamagedObject` with the reason if it is corrupt."""
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
    try:
        check_format(name, sealed.get("format"), record_format)
    except ValueError as error:
        raise DamagedObject(name, str(error)) from error
    if sealed.get("number") != number:
        raise DamagedObject(name, f"holds record {sealed.get('number')}, expected {number}")
    for key, kind in field_types.items():
        if type(sealed.get(key)) is not kind:
            raise DamagedObject(name, f"its {key} is not of type {kind.__name__}")
    return Record(**{key: sealed[key] for key in field_types if key != "format"})


Draft = Callable[[Listing], BaseModel | Record]
Accept = Callable[[Record], bool]
