"""One history: each record is written exactly once, in order, and verified when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from flows.exceptions import DamagedObject, NewerFormat, ObjectExists, StorageError, StoreError
from flows.storage import bounds
from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.log import Log, RecordConflict, parse_record
from flows.storage.stores import Store
from tests.support.stores import StoreWrapper, flipped, in_parallel, overwrite


class Note(BaseModel):
    """The content of a record."""

    n: int


def record_with(**changes: Any) -> bytes:
    """An intact record of number 0 with `changes`; None omits a field."""
    record = {
        "format": 1,
        "number": 0,
        "kind": "note",
        "created_at": "2026-01-01T00:00:00.000000+00:00",
        "writer": "host process 1",
        "nonce": "0" * 32,
        "content": {},
    } | changes
    record = {key: value for key, value in record.items() if value is not None}
    return canonical_json(record | {"checksum": digest(canonical_json(record))})


def contents_of(log: Log, kind: str = "note") -> list[dict[str, Any]]:
    """The contents of the intact records, newest first."""
    return [record.content for record in log.list_records().newest_first(kind)]


def test_the_first_record_is_appended_after_minus_one(store: Store) -> None:
    """The first record has number 0."""
    log = Log(store, "log")

    assert -1 == log.list_records().head
    assert 0 == log.append("note", {}, after=-1).number
    assert ["000000000000.json"] == store.names("log")


def test_records_are_read_newest_first(store: Store) -> None:
    """Each has the content that was written, and only the requested kind is returned."""
    log = Log(store, "log")
    for number in range(3):
        log.append("note", {"n": number}, after=number - 1)
    log.append("other", {"n": 3}, after=2)

    assert [{"n": 2}, {"n": 1}, {"n": 0}] == contents_of(log)
    assert [{"n": 3}] == contents_of(log, "other")
    assert 3 == log.list_records().head


def test_append_and_read_return_the_same_record(store: Store) -> None:
    """Number, time, writer and content are the same."""
    log = Log(store, "log")
    record = log.append("note", {"text": "é", "number": 0.1}, after=-1)

    assert record == log.read(0)


def test_a_conflict_names_the_winner(store: Store) -> None:
    """The error carries the winner's record, which is unchanged."""
    log = Log(store, "log")
    winner = log.append("note", {"by": "first"}, after=-1)

    with pytest.raises(RecordConflict, match=winner.writer) as caught:
        log.append("note", {"by": "second"}, after=-1)
    assert winner == caught.value.winner
    assert [{"by": "first"}] == contents_of(log)


def test_a_listing_does_not_change(store: Store) -> None:
    """The number to append after is that of the listing which was read."""
    log = Log(store, "log")
    before = log.list_records()
    log.append("note", {}, after=-1)

    assert -1 == before.head
    assert [] == list(before.newest_first("note"))


@pytest.mark.parametrize("error", [StoreError("timed out"), ObjectExists("exists")])
def test_a_lost_reply_is_not_a_lost_race(store: Store, error: StoreError) -> None:
    """The record was written and the reply was lost: the record exists, and it is our own."""

    class LostReplyStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            raise error

    record = Log(LostReplyStore(store), "log").append("note", {"n": 1}, after=-1)

    assert record == Log(store, "log").read(0)


def test_a_create_that_failed_is_an_error(store: Store) -> None:
    """Nothing was written and no object exists: the error is passed on."""

    class BrokenStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            raise StoreError(f"no room for {len(data)} bytes at {path}, private {private}")

    with pytest.raises(StoreError, match="no room"):
        Log(BrokenStore(store), "log").append("note", {}, after=-1)
    assert [] == store.names("log")


class FlippingStore(StoreWrapper):
    """Loses the reply to each create, and flips a bit in each of the next `count` reads."""

    def __init__(self, store: Store, count: int) -> None:
        super().__init__(store)
        self.count = count

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        super().create(path, data, private=private)
        raise StoreError("connection reset")

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        data = super().read(path, most)
        self.count -= 1
        return data if self.count < 0 else flipped(data, len(data) // 2)


@pytest.mark.parametrize("count", [1, 2])
def test_a_read_back_corrupted_in_transit_is_repeated(store: Store, count: int) -> None:
    """A reply with a flipped bit is neither a lost race nor an error."""
    record = Log(FlippingStore(store, count), "log").append("note", {"n": 1}, after=-1)

    assert record == Log(store, "log").read(0)


def test_a_read_back_that_stays_corrupt_is_reported(store: Store) -> None:
    """It is not trusted, and not read for ever."""
    with pytest.raises(DamagedObject, match=r"000000000000.json"):
        Log(FlippingStore(store, 1000), "log").append("note", {}, after=-1)


def test_a_corrupt_record_is_skipped_and_reported_with_the_reason(store: Store) -> None:
    """The records before it are found, and the corrupt one is listed."""
    log = Log(store, "log")
    for number in range(3):
        log.append("note", {"n": number}, after=number - 1)
    path = log.path(2)
    overwrite(store, path, store.read(path).replace(b'"n":2', b'"n":7'))
    listing = log.list_records()

    assert [{"n": 1}, {"n": 0}] == [record.content for record in listing.newest_first("note")]
    assert [store.location(path)] == [error.name for error in listing.damaged]
    assert ["checksum mismatch, bytes were altered"] == [error.reason for error in listing.damaged]


def test_numbers_continue_after_a_corrupt_head(store: Store) -> None:
    """A corrupt record keeps its number."""
    log = Log(store, "log")
    log.append("note", {"n": 0}, after=-1)
    store.create(log.path(1), b"\x00" * 50)
    log.append("note", {"n": 2}, after=log.list_records().head)

    assert 2 == log.list_records().head
    assert [{"n": 2}, {"n": 0}] == contents_of(log)


def test_a_record_of_a_newer_format_is_an_error(store: Store) -> None:
    """An older program must not continue the log of a newer one."""
    log = Log(store, "log")
    log.append("note", {}, after=-1)
    store.create(log.path(1), record_with(format=2, number=1))

    with pytest.raises(NewerFormat, match=r"1\.json: format 2 is newer than this program \(1\)"):
        contents_of(log)


def test_damage_is_not_taken_for_a_newer_format() -> None:
    """An update of the program would not help."""
    data = record_with().replace(b'"format":1', b'"format":5')

    with pytest.raises(DamagedObject, match="checksum mismatch") as found:
        parse_record("log/0", data, 0)
    assert type(found.value) is DamagedObject


def test_a_missing_record_is_reported(store: Store) -> None:
    """Records are never removed, so a gap is damage."""
    log = Log(store, "log")
    for number in range(4):
        log.append("note", {"n": number}, after=number - 1)
    store.remove(log.path(2))

    listing = log.list_records()
    assert 3 == len(list(listing.newest_first("note")))
    assert [f"{log.location(2)}: is missing"] == [str(error) for error in listing.damaged]


def test_other_files_in_the_folder_are_ignored(store: Store) -> None:
    """Only twelve digits and `.json` make a record."""
    log = Log(store, "log")
    log.append("note", {"n": 0}, after=-1)
    for name in ("1.json", "000000000009.json.bak", "notes.txt", "000000000009.jsonl"):
        store.put(f"log/{name}", b"")

    assert 0 == log.list_records().head
    assert [{"n": 0}] == contents_of(log)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a JSON record"),
        (b"null", "no object"),
        (b"[]", "no object"),
        (b"<html>", "not a JSON record"),
        (b'{"format": 1e999}', "not a JSON record"),
        (b'{"a":' + b"[" * 400 + b"]" * 400 + b"}", "checksum mismatch"),
        (b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "nested too deeply"),
        (b"{}", "checksum mismatch"),
        (record_with(number=1), "holds record 1, expected 0"),
        (record_with(content=None), "its content is not of type dict"),
        (record_with(content=[]), "its content is not of type dict"),
        (record_with(writer=5), "its writer is not of type str"),
        (record_with(format="1"), "its format is .*, expected a whole number from 1"),
        (record_with(format=None), "its format is .*, expected a whole number from 1"),
    ],
    ids=lambda value: repr(value[:16]),
)
def test_a_corrupt_record_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    """Any file may be in a folder; only a record with the right checksum is trusted."""
    with pytest.raises(DamagedObject, match=f"^log/0: .*{reason}"):
        parse_record("log/0", data, 0)


def test_every_flipped_bit_and_every_truncation_is_detected() -> None:
    """Damage to any byte of a record of some 250 bytes is detected."""
    data = record_with()
    corrupt = [flipped(data, at, bit) for at in range(len(data)) for bit in range(8)]
    corrupt += [data[:length] for length in range(len(data))]

    assert "note" == parse_record("log/0", data, 0).kind
    for wrong in corrupt:
        with pytest.raises(DamagedObject):
            parse_record("log/0", wrong, 0)


@pytest.mark.usefixtures("fast_switching_threads")
def test_concurrent_writers_keep_one_history(store: Store) -> None:
    """Four writers, ten records each: forty numbers, none lost and none written twice."""

    def write(writer: int) -> None:
        log = Log(store, "log")
        for turn in range(10):
            head = log.list_records().head
            while True:
                try:
                    log.append("note", {"writer": writer, "turn": turn}, after=head)
                    break
                except RecordConflict as conflict:
                    head = conflict.winner.number

    in_parallel(4, write)
    contents = list(reversed(contents_of(Log(store, "log"))))

    assert 40 == len(store.names("log"))
    for writer in range(4):
        turns = [content["turn"] for content in contents if content["writer"] == writer]
        assert list(range(10)) == turns


def test_a_record_is_canonical_json_with_a_checksum(store: Store) -> None:
    """The stored bytes are canonical JSON with a checksum that anyone can compute."""
    log = Log(store, "log")
    log.append("note", {"n": 1}, after=-1)
    data = store.read(log.path(0))
    record = strict_json(data)
    checksum = record.pop("checksum")

    assert data == canonical_json(record | {"checksum": checksum})
    assert checksum == digest(canonical_json(record))


stray_numbers = (10**12 - 1, 10**12 - 2, 5 * 10**6)


@pytest.mark.parametrize("intact", [True, False])
def test_a_stray_record_hides_nothing(store: Store, intact: bool) -> None:
    """A number far out of sequence is reported; what is appended next is found again."""
    log = Log(store, "log")
    log.append("note", {"n": 0}, after=-1)
    for number in stray_numbers:
        store.put(log.path(number), record_with(number=number) if intact else b"{}")

    for number in (1, 2):
        appended = log.update("note", lambda _, number=number: Note(n=number))  # type: ignore[misc]
        assert number == appended.number
        listing = log.list_records()
        assert number == listing.head
        found = [record.content["n"] for record in listing.newest_first("note")]
        assert list(range(number, -1, -1)) == found
        assert [
            f"{log.location(stray)}: its number is out of sequence, expected at most {number + 1}:"
            " remove it"
            for stray in stray_numbers
        ] == [str(error) for error in listing.damaged]


def test_a_stray_record_in_an_empty_log_is_not_its_first(store: Store) -> None:
    """The first has number 0."""
    log = Log(store, "log")
    store.put(log.path(10**12 - 1), record_with(number=10**12 - 1))

    assert -1 == log.list_records().head
    assert [] == contents_of(log)


def test_a_full_log_is_an_error(store: Store) -> None:
    """A record of thirteen digits would not be found again."""
    with pytest.raises(StorageError, match=r"the log .* is full"):
        Log(store, "log").append("note", {}, after=10**12 - 1)
    assert [] == store.names("log")


def test_a_record_that_is_a_link_to_nowhere_is_missing(local: Store) -> None:
    """It is listed, but it cannot be read; those before it are."""
    log = Log(local, "log")
    log.append("note", {"n": 0}, after=-1)
    Path(local.location(log.path(1))).symlink_to("gone")
    listing = log.list_records()

    assert [{"n": 0}] == [record.content for record in listing.newest_first("note")]
    assert [f"{log.location(1)}: is missing"] == [str(error) for error in listing.damaged]
    assert 2 == log.append("note", {"n": 2}, after=listing.head).number


@pytest.mark.parametrize("found", ["1", True, 1.5, -1, 0, None])
def test_a_format_is_a_whole_number_from_one(found: object) -> None:
    """Anything else was written by no version of this program."""
    with pytest.raises(DamagedObject, match=r"its format is .*, expected a whole number from 1"):
        parse_record("log/0", record_with(format=found), 0)
