"""Appending by compare-and-swap: after what others append meanwhile, or not at all."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from flows.exceptions import StorageError
from flows.storage import log as module
from flows.storage.log import Log, Record, RecordConflict
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


def test_it_appends_after_what_others_append_meanwhile(store: Store) -> None:
    """The draft gets None, then each winner, and may differ each time."""
    winners: list[Record | None] = []

    def draft(winner: Record | None) -> Note:
        winners.append(winner)
        return Note(text=f"ours, try {len(winners)}")

    record = Log(BusyStore(store, times=2), "log").update("note", draft, after=-1)

    assert (2, {"text": "ours, try 3"}) == (record.number, record.content)
    assert [None, 0, 1] == [winner and winner.number for winner in winners]
    assert ["other 0", "other 1", "ours, try 3"] == texts(store)


def test_a_draft_may_accept_a_winner(store: Store) -> None:
    """Where it says the same, nothing is appended."""
    record = Log(BusyStore(store, times=1), "log").update(
        "note", lambda winner: winner or Note(text="ours"), after=-1
    )

    assert {"text": "other 0"} == record.content
    assert ["other 0"] == texts(store)


def test_a_draft_may_give_up(store: Store) -> None:
    """What it raises is raised, and nothing is appended."""

    def draft(winner: Record | None) -> Note:
        if winner:
            raise RecordConflict("log", winner)
        return Note(text="ours")

    with pytest.raises(RecordConflict):
        Log(BusyStore(store, times=1), "log").update("note", draft, after=-1)
    assert ["other 0"] == texts(store)


def test_it_does_not_try_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After so many lost races it says what to do."""
    monkeypatch.setattr(module, "most_races", 3)

    with pytest.raises(StorageError, match=r"2\.json and 2 records .*let the other runs end"):
        Log(BusyStore(store, times=100), "log").update("note", lambda _: Note(text=""), after=-1)
    assert 3 == len(texts(store))


@pytest.mark.usefixtures("fast_switching_threads")
def test_writers_at_the_same_time_lose_nothing(store: Store) -> None:
    """Four writers, ten notes each."""

    def write(writer: int) -> None:
        for turn in range(10):
            log = Log(store, "log")
            note = Note(text=f"{writer} {turn}")
            log.update("note", lambda _, note=note: note, after=log.list_records().head)  # type: ignore[misc]

    in_parallel(4, write)

    assert sorted(f"{writer} {turn}" for writer in range(4) for turn in range(10)) == sorted(
        texts(store)
    )
