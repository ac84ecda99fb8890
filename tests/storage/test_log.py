"""One history: each record written exactly once, in order, by one writer, and verified when read."""

from __future__ import annotations

from typing import Any

import pytest

from flows.exceptions import DamagedObject, NewerFormat, ObjectExists, StoreError
from flows.storage.canonical import canonical_json, digest, strict_json
from flows.storage.log import Log, RecordConflict, parse_record
from flows.storage.stores import Store
from tests.support.stores import PassingStore, at_once, flipped, overwrite


def sealed(**changes: Any) -> bytes:
    """A sound record of number 0 with `changes`; None leaves a field out."""
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


def kept(log: Log, kind: str = "note") -> list[dict[str, Any]]:
    """What the sound records say, newest first."""
    return [record.content for record in log.list_records().newest_first(kind)]


def test_an_empty_log_is_appended_to_behind_minus_one(store: Store) -> None:
    """The first record has number 0."""
    log = Log(store, "log")

    assert -1 == log.list_records().head
    assert 0 == log.append("note", {}, after=-1).number
    assert ["000000000000.json"] == store.names("log")


def test_records_are_read_newest_first(store: Store) -> None:
    """Each says what it was told, and only the kind that was asked for is shown."""
    log = Log(store, "log")
    for number in range(3):
        log.append("note", {"n": number}, after=number - 1)
    log.append("other", {"n": 3}, after=2)

    assert [{"n": 2}, {"n": 1}, {"n": 0}] == kept(log)
    assert [{"n": 3}] == kept(log, "other")
    assert 3 == log.list_records().head


def test_what_append_returns_is_what_read_finds(store: Store) -> None:
    """Number, time, writer and content are the same from both sides."""
    log = Log(store, "log")
    record = log.append("note", {"text": "é", "number": 0.1}, after=-1)

    assert record == log.read(0)


def test_a_number_that_is_taken_names_its_winner(store: Store) -> None:
    """The loser learns who won and what they wrote; the winner's record stays."""
    log = Log(store, "log")
    winner = log.append("note", {"by": "first"}, after=-1)

    with pytest.raises(RecordConflict, match=winner.writer) as caught:
        log.append("note", {"by": "second"}, after=-1)
    assert winner == caught.value.winner
    assert [{"by": "first"}] == kept(log)


def test_a_listing_does_not_move_on_by_itself(store: Store) -> None:
    """The number to append behind is that of the listing which was read."""
    log = Log(store, "log")
    before = log.list_records()
    log.append("note", {}, after=-1)

    assert -1 == before.head
    assert [] == list(before.newest_first("note"))


@pytest.mark.parametrize("error", [StoreError("timed out"), ObjectExists("exists")])
def test_a_lost_reply_is_not_a_lost_race(store: Store, error: StoreError) -> None:
    """The record was written and the reply lost: it is there, and it is ours."""

    class ForgetfulStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            raise error

    record = Log(ForgetfulStore(store), "log").append("note", {"n": 1}, after=-1)

    assert record == Log(store, "log").read(0)


def test_a_create_that_failed_is_an_error(store: Store) -> None:
    """Nothing was written and no object exists: the reason is passed on."""

    class BrokenStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            raise StoreError(f"no room for {len(data)} bytes at {path}, private {private}")

    with pytest.raises(StoreError, match="no room"):
        Log(BrokenStore(store), "log").append("note", {}, after=-1)
    assert [] == store.names("log")


class FlippingStore(PassingStore):
    """Loses the reply to each create, and damages the next `count` reads on their way."""

    def __init__(self, store: Store, count: int) -> None:
        super().__init__(store)
        self.count = count

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        super().create(path, data, private=private)
        raise StoreError("connection reset")

    def read(self, path: str) -> bytes:
        data = super().read(path)
        self.count -= 1
        return data if self.count < 0 else flipped(data, len(data) // 2)


@pytest.mark.parametrize("count", [1, 2])
def test_a_read_back_damaged_on_its_way_is_tried_again(store: Store, count: int) -> None:
    """A reply with a flipped bit is neither a lost race nor the end."""
    record = Log(FlippingStore(store, count), "log").append("note", {"n": 1}, after=-1)

    assert record == Log(store, "log").read(0)


def test_a_read_back_that_stays_damaged_is_reported(store: Store) -> None:
    """Not believed, and not tried for ever."""
    with pytest.raises(DamagedObject, match=r"000000000000.json"):
        Log(FlippingStore(store, 1000), "log").append("note", {}, after=-1)


def test_a_damaged_record_is_passed_over_by_name_and_reason(store: Store) -> None:
    """The ones before it are found, and what is damaged is listed."""
    log = Log(store, "log")
    for number in range(3):
        log.append("note", {"n": number}, after=number - 1)
    path = log.path(2)
    overwrite(store, path, store.read(path).replace(b'"n":2', b'"n":7'))
    listing = log.list_records()

    assert [{"n": 1}, {"n": 0}] == [record.content for record in listing.newest_first("note")]
    assert [store.location(path)] == [error.name for error in listing.damaged]
    assert ["checksum mismatch, bytes were altered"] == [error.reason for error in listing.damaged]


def test_numbers_go_on_behind_a_damaged_head(store: Store) -> None:
    """A damaged record keeps its number."""
    log = Log(store, "log")
    log.append("note", {"n": 0}, after=-1)
    store.create(log.path(1), b"\x00" * 50)
    log.append("note", {"n": 2}, after=log.list_records().head)

    assert 2 == log.list_records().head
    assert [{"n": 2}, {"n": 0}] == kept(log)


def test_a_record_of_a_newer_format_stops(store: Store) -> None:
    """An older program must not go on behind a newer one's back."""
    log = Log(store, "log")
    log.append("note", {}, after=-1)
    store.create(log.path(1), sealed(format=2, number=1))

    with pytest.raises(NewerFormat, match=r"1\.json: format 2 is newer than this program \(1\)"):
        kept(log)


def test_damage_is_not_taken_for_a_newer_format() -> None:
    """Nobody could update to it."""
    data = sealed().replace(b'"format":1', b'"format":5')

    with pytest.raises(DamagedObject, match="checksum mismatch") as found:
        parse_record("log/0", data, 0)
    assert type(found.value) is DamagedObject


def test_a_missing_record_is_damage(store: Store) -> None:
    """Records are never removed: a gap is a loss."""
    log = Log(store, "log")
    for number in range(4):
        log.append("note", {"n": number}, after=number - 1)
    store.remove(log.path(2))

    listing = log.list_records()
    assert 3 == len(list(listing.newest_first("note")))
    assert [f"{log.location(2)}: is missing"] == [str(error) for error in listing.damaged]


def test_other_files_in_the_folder_are_no_records(store: Store) -> None:
    """Only twelve digits and `.json` make a record."""
    log = Log(store, "log")
    log.append("note", {"n": 0}, after=-1)
    for name in ("1.json", "000000000009.json.bak", "notes.txt", "000000000009.jsonl"):
        store.put(f"log/{name}", b"")

    assert 0 == log.list_records().head
    assert [{"n": 0}] == kept(log)


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
        (sealed(number=1), "holds record 1, expected 0"),
        (sealed(content=None), "its content is not of type dict"),
        (sealed(content=[]), "its content is not of type dict"),
        (sealed(writer=5), "its writer is not of type str"),
        (sealed(format="1"), "its format is not of type int"),
        (sealed(format=None), "its format is not of type int"),
    ],
    ids=lambda value: repr(value[:16]),
)
def test_a_record_that_is_not_sound_is_refused_with_its_reason(data: bytes, reason: str) -> None:
    """Anything may lie in a folder; only what was sealed is believed."""
    with pytest.raises(DamagedObject, match=f"^log/0: .*{reason}"):
        parse_record("log/0", data, 0)


def test_every_flipped_bit_and_every_truncation_is_noticed() -> None:
    """A record of some 250 bytes has no spot where damage goes unseen."""
    data = sealed()
    damaged = [flipped(data, at, bit) for at in range(len(data)) for bit in range(8)]
    damaged += [data[:length] for length in range(len(data))]

    assert "note" == parse_record("log/0", data, 0).kind
    for wrong in damaged:
        with pytest.raises(DamagedObject):
            parse_record("log/0", wrong, 0)


@pytest.mark.usefixtures("hasty_threads")
def test_writers_at_once_keep_one_history(store: Store) -> None:
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

    at_once(4, write)
    contents = list(reversed(kept(Log(store, "log"))))

    assert 40 == len(store.names("log"))
    for writer in range(4):
        turns = [content["turn"] for content in contents if content["writer"] == writer]
        assert list(range(10)) == turns


def test_a_record_holds_no_more_than_it_says(store: Store) -> None:
    """The stored bytes are canonical JSON with a checksum that anyone can compute."""
    log = Log(store, "log")
    log.append("note", {"n": 1}, after=-1)
    data = store.read(log.path(0))
    record = strict_json(data)
    checksum = record.pop("checksum")

    assert data == canonical_json(record | {"checksum": checksum})
    assert checksum == digest(canonical_json(record))
