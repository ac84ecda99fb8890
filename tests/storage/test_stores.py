"""Objects are complete or absent, and of two writers of one path exactly one succeeds."""

from __future__ import annotations

from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from flows.exceptions import ObjectExists, ObjectMissing, StoreError, UnsafeStore
from flows.storage.stores import Store, check_store, open_store
from tests.support.stores import StoreWrapper, in_parallel


class CarelessFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Ignores create-if-absent, as `rclone serve s3` does."""

    protocol = "careless"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        del mode
        super().pipe_file(path, value, mode="overwrite", **options)


class LookingFileSystem(MemoryFileSystem):  # type: ignore[misc]
    """Checks whether an object exists, then writes it, as fsspec does for SFTP."""

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
    """Bytes come back as they went in, created or put, in folders that did not exist."""
    store.create("a/b/created", b"one")
    store.put("c/put", b"\x00two")

    assert b"one" == store.read("a/b/created")
    assert b"\x00two" == store.read("c/put")


def test_a_missing_object_is_an_error(store: Store) -> None:
    """The message says which object was not found."""
    with pytest.raises(ObjectMissing, match=r"object not found: .*store/no/such$"):
        store.read("no/such")


def test_create_refuses_an_existing_object(store: Store) -> None:
    """The second create of a path fails, and the first one's bytes stay."""
    store.create("log/1", b"first")

    with pytest.raises(ObjectExists, match=r"object already exists: .*log/1"):
        store.create("log/1", b"second")
    assert b"first" == store.read("log/1")


@pytest.mark.usefixtures("fast_switching_threads")
def test_exactly_one_of_racing_writers_wins(store: Store) -> None:
    """Eight threads race for each of forty keys: one create succeeds, and its bytes are stored."""
    for key in range(40):
        winners: list[int] = []

        def race(number: int, key: int = key, winners: list[int] = winners) -> None:
            try:
                store.create(f"race/{key}", b"%d" % number)
            except ObjectExists:
                return
            winners.append(number)

        in_parallel(8, race)

        assert 1 == len(winners)
        assert b"%d" % winners[0] == store.read(f"race/{key}")


def test_put_twice_changes_nothing(store: Store) -> None:
    """A payload named by its content may be written again."""
    store.put("data/x", b"content")
    store.put("data/x", b"content")

    assert b"content" == store.read("data/x")
    assert ["x"] == store.names("data")


def test_names_are_sorted_and_omit_temporary_files(store: Store) -> None:
    """A listing shows objects and folders, but no temporary files of a killed writer."""
    for name in ("b", "a", "c/d", f".tmp-{'0123' * 4}"):
        store.put(f"folder/{name}", b"")

    assert ["a", "b", "c"] == store.names("folder")


def test_a_missing_folder_has_no_names(store: Store) -> None:
    """An empty log is no error."""
    assert [] == store.names("no/such")


def test_a_listing_shows_new_objects_of_another_writer(store: Store, store_url: str) -> None:
    """Listings are not cached."""
    other = open_store(store_url)
    store.put("log/1", b"")
    assert ["1"] == store.names("log")
    other.put("log/2", b"")

    assert ["1", "2"] == store.names("log")


def test_an_object_may_be_removed_twice(store: Store) -> None:
    """The second removal is not an error."""
    store.put("object", b"")
    store.remove("object")
    store.remove("object")

    assert [] == store.names("")


def test_location_is_where_the_object_is(store: Store) -> None:
    """Opening the location gives the bytes."""
    store.put("folder/object", b"data")

    with fsspec.open(store.location("folder/object"), "rb") as file:
        assert b"data" == file.read()


def test_a_memory_store_that_is_an_object_is_refused() -> None:
    """A store must be a folder."""
    open_store("inmemory://bucket").put("object", b"")

    with pytest.raises(StoreError, match="the store inmemory://bucket/object is a file"):
        open_store("inmemory://bucket/object")


def test_a_chain_of_urls_is_refused() -> None:
    """A cache in front of a store would keep the writes."""
    with pytest.raises(StoreError, match="is a chain of URLs"):
        open_store("simplecache::inmemory://bucket")


@pytest.mark.parametrize("url", ["memory://", "memory://bucket/store", "memory:///x"])
def test_a_store_in_memory_is_refused(url: str) -> None:
    """All would be lost at the end of the process; tests hand a store over in code."""
    with pytest.raises(StoreError, match=r"memory of this process, and lost .*: name a folder"):
        open_store(url)


def test_the_probe_accepts_a_good_store_and_leaves_nothing(store: Store) -> None:
    """A store that supports create-if-absent passes, and is as empty as before."""
    check_store(store)

    assert [] == store.names("")


def test_the_probe_refuses_a_store_that_ignores_create_if_absent() -> None:
    """The message names the store and the remedy; no probe is left."""
    store = open_store("careless://bucket/store")

    with pytest.raises(UnsafeStore, match=r"careless://bucket/store ignores create-if-absent.*use"):
        check_store(store)
    assert [] == store.names("")


def test_the_probe_refuses_a_store_that_checks_before_it_writes() -> None:
    """One writer at a time would succeed, but of two both could."""
    with pytest.raises(UnsafeStore, match="looking://bucket/store ignores create-if-absent"):
        check_store(open_store("looking://bucket/store"))


def test_the_probe_accepts_a_store_after_a_lost_reply(store: Store) -> None:
    """A client that repeats the request finds its own probe, which proves the same."""

    class RepeatingStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            super().create(path, data, private=private)
            super().create(path, data, private=private)

    check_store(RepeatingStore(store))

    assert [] == store.names("")


def test_the_probe_reports_the_failed_write_not_the_failed_removal(store: Store) -> None:
    """Without write permission, the error is that of the write, not that of the removal."""

    class ReadOnlyStore(StoreWrapper):
        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            raise StoreError(f"cannot write {path} of {len(data)} bytes, private {private}")

        def remove(self, path: str) -> None:
            raise StoreError(f"cannot remove {path}")

    with pytest.raises(StoreError, match="cannot write probe-"):
        check_store(ReadOnlyStore(store))


def test_a_probe_whose_second_write_fails_is_removed(store: Store) -> None:
    """The disk may be full, or the process stopped, in between."""

    class FullStore(StoreWrapper):
        writes = 0

        def create(self, path: str, data: bytes, *, private: bool = True) -> None:
            self.writes += 1
            if self.writes > 1:
                raise StoreError("disk full")
            super().create(path, data, private=private)

    with pytest.raises(StoreError, match="disk full"):
        check_store(FullStore(store))
    assert [] == store.names("")


def test_a_failed_precondition_is_a_lost_race_only_for_create() -> None:
    """Clients wrap status 412 in an unrelated error; for a payload there is no race."""
    store = open_store("refusing://bucket/store")

    with pytest.raises(ObjectExists):
        store.create("record", b"")
    with pytest.raises(StoreError, match=r"cannot write .*payload: Invalid argument") as caught:
        store.put("payload", b"")
    assert StoreError is caught.type
