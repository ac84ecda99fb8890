"""Appending by compare-and-swap: after what others append meanwhile, or not at all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import BaseModel

from flows.exceptions import StorageError
from flows.storage import log as module
from flows.storage.log import Listing, Log, Record, RecordConflict
from flows.storage.stores import Store
from tests.support.stores import StoreWrapper, in_parallel


class Note(BaseModel):
    """The content of a record."""

    text: str


class BusyStore(StoreWrapper):
    """Another writer is first at each of the next `times` creates."""

    def __init__(self, store: Store, times: int) -> None:
        super().__init__(store)
        self.times = times

    def create(self, path: str, data: bytes, *, private: bool = True) -> None:
        if self.times:
            self.times -= 1
            number = int(path.rpartition("/")[2].removesuffix(".json"))
            Log(self.inner, "log").append("note", {"text": f"other {number}"}, after=number - 1)
        super().create(path, data, private=private)


def texts(store: Store) -> list[str]:
    """The notes in the log, oldest first."""
    found = Log(store, "log").list_records().newest_first("note")
    return [record.content["text"] for record in found][::-1]


def test_it_decides_again_on_the_log_as_it_is_now(store: Store) -> None:
    """The draft gets a fresh listing each time another writer was first."""
    heads: list[int] = []

    def draft(listing: Listing) -> Note:
        heads.append(listing.head)
        return Note(text=f"ours, try {len(heads)}")

    record = Log(BusyStore(store, times=2), "log").update("note", draft)

    assert (2, {"text": "ours, try 3"}) == (record.number, record.content)
    assert [-1, 0, 1] == heads
    assert ["other 0", "other 1", "ours, try 3"] == texts(store)


def test_a_draft_may_find_its_content_in_the_log(store: Store) -> None:
    """Then nothing is appended."""

    def draft(listing: Listing) -> Note | Record:
        return next(listing.newest_first("note"), Note(text="ours"))

    record = Log(BusyStore(store, times=1), "log").update("note", draft)

    assert {"text": "other 0"} == record.content
    assert ["other 0"] == texts(store)


def test_append_past_asks_about_each_record_that_was_first(store: Store) -> None:
    """It appends after those that are not accepted."""
    asked: list[int] = []

    def accept(winner: Record) -> bool:
        asked.append(winner.number)
        return winner.number == 2

    log = Log(BusyStore(store, times=2), "log")
    assert 2 == log.append_past("note", Note(text="ours"), accept, after=-1).number
    assert [0, 1] == asked

    again = log.append_past("note", Note(text="ours again"), accept, after=1)
    assert {"text": "ours"} == again.content
    assert ["other 0", "other 1", "ours"] == texts(store)


def test_append_past_may_give_up(store: Store) -> None:
    """What `accept` raises is raised, and nothing is appended."""

    def accept(winner: Record) -> bool:
        raise RecordConflict("log", winner)

    with pytest.raises(RecordConflict):
        Log(BusyStore(store, times=1), "log").append_past("n", Note(text=""), accept, after=-1)
    assert ["other 0"] == texts(store)


@pytest.mark.parametrize(
    "append",
    [
        lambda log: log.update("note", lambda _: Note(text="")),
        lambda log: log.append_past("note", Note(text=""), lambda _: False, after=-1),
    ],
    ids=["update", "append_past"],
)
def test_no_loop_is_endless(
    store: Store, monkeypatch: pytest.MonkeyPatch, append: Callable[[Log], Record]
) -> None:
    """After so many lost races it says what to do."""
    monkeypatch.setattr(module, "most_races", 3)

    with pytest.raises(StorageError, match="at each of 3 tries: let the other runs end"):
        append(Log(BusyStore(store, times=100), "log"))
    assert 3 == len(texts(store))


@pytest.mark.usefixtures("fast_switching_threads")
def test_writers_at_the_same_time_lose_nothing(store: Store) -> None:
    """Four writers, ten notes each."""

    def write(writer: int) -> None:
        for turn in range(10):
            log = Log(store, "log")
            note = Note(text=f"{writer} {turn}")
            log.update("note", lambda _, note=note: note)  # type: ignore[misc]

    in_parallel(4, write)

    assert sorted(f"{writer} {turn}" for writer in range(4) for turn in range(10)) == sorted(
        texts(store)
    )
