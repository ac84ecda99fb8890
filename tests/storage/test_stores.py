"""Objects appear whole or not at all, and of two writers of one path exactly one succeeds."""

from __future__ import annotations

from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from flows.exceptions import ObjectExists, ObjectMissing, StoreError, UnsafeStore
from flows.storage.stores import Store, check_store, open_store
from tests.support.stores import PassingStore, at_once


class CarelessFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Ignores create-if-absent, as `rclone serve s3` does."""

    protocol = "careless"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        del mode
        super().pipe_file(path, value, mode="overwrite", **options)


class LookingFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Looks whether an object is there and writes then, as fsspec does for SFTP."""

    protocol = "looking"
    pipe_file = AbstractFileSystem.pipe_file


class RefusingFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Answers each write with the status of a failed precondition, as s3fs passes it on."""

    protocol = "refusing"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        del path, value, mode, options
        cause = Exception()
        cause.response = {"ResponseMetadata": {"HTTPStatusCode": 412}}  # type: ignore[attr-defined]
        raise OSError(22, "Invalid argument") from cause


for kind in (CarelessFileSystem, LookingFileSystem, RefusingFileSystem):
    fsspec.register_implementation(kind.protocol, f"{__name__}.{kind.__name__}")


def test_what_was_written_is_read_back(store: Store) -> None:
    """Bytes come back as they went in, created or put, in folders that were not there."""
    store.create("a/b/created", b"one")
    store.put("c/put", b"\x00two")

    assert b"one" == store.read("a/b/created")
    assert b"\x00two" == store.read("c/put")


def test_an_object_that_is_not_there_is_named(store: Store) -> None:
    """The message says which object was not found."""
    with pytest.raises(ObjectMissing, match=r"object not found: .*store/no/such$"):
        store.read("no/such")


def test_create_refuses_what_is_there(store: Store) -> None:
    """The second create of a path fails, and the first one's bytes stay."""
    store.create("log/1", b"first")

    with pytest.raises(ObjectExists, match=r"object already exists: .*log/1"):
        store.create("log/1", b"second")
    assert b"first" == store.read("log/1")


@pytest.mark.usefixtures("hasty_threads")
def test_of_racing_writers_exactly_one_wins(store: Store) -> None:
    """Eight threads race for each of forty keys: one create succeeds, and its bytes lie there."""
    for key in range(40):
        winners: list[int] = []

        def race(number: int, key: int = key, winners: list[int] = winners) -> None:
            try:
                store.create(f"race/{key}", b"%d" % number)
            except ObjectExists:
                return
            winners.append(number)

        at_once(8, race)

        assert 1 == len(winners)
        assert b"%d" % winners[0] == store.read(f"race/{key}")


def test_put_twice_changes_nothing(store: Store) -> None:
    """A payload named by its content may be written again."""
    store.put("data/x", b"content")
    store.put("data/x", b"content")

    assert b"content" == store.read("data/x")
    assert ["x"] == store.names("data")


def test_names_are_sorted_and_leave_temporary_ones_out(store: Store) -> None:
    """A listing shows objects and folders, none of what a killed writer left."""
    for name in ("b", "a", "c/d", ".tmp-0123"):
        store.put(f"folder/{name}", b"")

    assert ["a", "b", "c"] == store.names("folder")


def test_a_folder_that_is_not_there_has_no_names(store: Store) -> None:
    """An empty log is no error."""
    assert [] == store.names("no/such")


def test_a_listing_shows_what_another_writer_made_since(store: Store, store_url: str) -> None:
    """No listing is remembered."""
    other = open_store(store_url)
    store.put("log/1", b"")
    assert ["1"] == store.names("log")
    other.put("log/2", b"")

    assert ["1", "2"] == store.names("log")


def test_removing_is_the_same_once_or_twice(store: Store) -> None:
    """What is gone stays gone."""
    store.put("object", b"")
    store.remove("object")
    store.remove("object")

    assert [] == store.names("")


def test_location_is_where_the_object_lies(store: Store) -> None:
    """A person who opens the location finds the bytes."""
    store.put("folder/object", b"data")

    with fsspec.open(store.location("folder/object"), "rb") as file:
        assert b"data" == file.read()


def test_a_memory_store_that_is_an_object_is_refused() -> None:
    """An object is no folder."""
    open_store("memory://bucket").put("object", b"")

    with pytest.raises(StoreError, match="the store memory://bucket/object is a file"):
        open_store("memory://bucket/object")


def test_a_chain_of_urls_is_no_store() -> None:
    """A cache in front of a store would take writes for its own."""
    with pytest.raises(StoreError, match="is a chain of URLs"):
        open_store("simplecache::memory://bucket")


def test_the_probe_accepts_a_good_store_and_leaves_nothing(store: Store) -> None:
    """A store that honours create-if-absent passes, and is as empty as before."""
    check_store(store)

    assert [] == store.names("")


def test_the_probe_refuses_a_store_that_ignores_create_if_absent() -> None:
    """The store and the remedy are named; no probe stays."""
    store = open_store("careless://bucket/store")

    with pytest.raises(UnsafeStore, match=r"careless://bucket/store ignores create-if-absent.*use"):
        check_store(store)
    assert [] == store.names("")


def test_the_probe_refuses_a_store_that_looks_before_it_writes() -> None:
    """One writer at a time would pass, two could both win."""
    with pytest.raises(UnsafeStore, match="looking://bucket/store ignores create-if-absent"):
        check_store(open_store("looking://bucket/store"))


def test_the_probe_survives_a_lost_reply(store: Store) -> None:
    """A client that tried again finds its own probe: that proves as much."""

    class RepeatingStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            super().create(path, data, private=private)

    check_store(RepeatingStore(store))

    assert [] == store.names("")


def test_the_probe_names_the_write_that_failed_not_the_cleaning_up(store: Store) -> None:
    """A store without permission to write says so, whatever removing would say."""

    class ReadOnlyStore(PassingStore):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            raise StoreError(f"cannot write {path} of {len(data)} bytes, private {private}")

        def remove(self, path: str) -> None:
            raise StoreError(f"cannot remove {path}")

    with pytest.raises(StoreError, match="cannot write probe-"):
        check_store(ReadOnlyStore(store))


def test_a_failed_precondition_is_a_lost_race_only_where_something_is_created() -> None:
    """Servers answer 412 behind an unrelated error; a payload has no race to lose."""
    store = open_store("refusing://bucket/store")

    with pytest.raises(ObjectExists):
        store.create("record", b"")
    with pytest.raises(StoreError, match=r"cannot write .*payload: Invalid argument") as caught:
        store.put("payload", b"")
    assert StoreError is caught.type
