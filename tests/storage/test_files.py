"""Objects appear whole or not at all, and of two writers of one path exactly one succeeds."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.spec import AbstractFileSystem

from flows.storage.exceptions import ObjectExists, ObjectMissing, StoreError, UnsafeStore
from flows.storage.files import Store, check_store, open_store
from tests.storage.conftest import PassingStore, at_once


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


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the umask; what it was comes back."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def names_below(folder: Path) -> list[str]:
    """Every name below `folder`, temporary ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_what_was_written_is_read_back(store: Store) -> None:
    """Bytes come back as they went in, created or put, in folders that were not there."""
    store.create("a/b/created", b"one")
    store.put("c/put", b"\x00two")

    assert b"one" == store.read("a/b/created")
    assert b"\x00two" == store.read("c/put")


def test_an_object_that_is_not_there_is_named(store: Store) -> None:
    """Reading nothing says where nothing lies."""
    with pytest.raises(ObjectMissing, match=r"nothing lies at .*store/no/such$"):
        store.read("no/such")


def test_create_refuses_what_is_there(store: Store) -> None:
    """The second create of a path fails, and the first one's bytes stay."""
    store.create("log/1", b"first")

    with pytest.raises(ObjectExists, match="log/1 is there already"):
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


def test_a_reader_never_sees_half_an_object(local: Store) -> None:
    """While an object is replaced again and again, every read is whole."""
    size = 1 << 20
    local.put("object", b"a" * size)
    done, torn = Event(), []

    def look() -> None:
        while not done.is_set():
            data = local.read("object")
            if data not in (b"a" * size, b"b" * size):
                torn.append(len(data))

    reader = Thread(target=look)
    reader.start()
    for number in range(60):
        local.put("object", b"ab"[number % 2 : number % 2 + 1] * size)
    done.set()
    reader.join()

    assert [] == torn


def test_put_twice_changes_nothing(store: Store) -> None:
    """A payload named by its content may be written again."""
    store.put("data/x", b"content")
    store.put("data/x", b"content")

    assert b"content" == store.read("data/x")
    assert ["x"] == store.names("data")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_objects_are_private_whatever_the_umask(
    local: Store, umask: Callable[[int], int], mask: int
) -> None:
    """Payloads and records are for their owner alone."""
    umask(mask)
    local.create("record", b"")
    local.put("payload", b"")

    for name in ("record", "payload"):
        assert 0o600 == stat.S_IMODE(Path(local.location(name)).stat().st_mode)


@pytest.mark.parametrize(("mask", "mode"), [(0o000, 0o666), (0o022, 0o644), (0o077, 0o600)])
def test_reports_follow_the_umask(
    local: Store, umask: Callable[[int], int], mask: int, mode: int
) -> None:
    """What is written for people is as open as any file of theirs."""
    umask(mask)
    local.create("report", b"", private=False)

    assert mode == stat.S_IMODE(Path(local.location("report")).stat().st_mode)


def test_nothing_temporary_stays_after_success_or_a_lost_race(local: Store) -> None:
    """Only the objects themselves are left."""
    local.create("a", b"1")
    local.put("b", b"2")
    with pytest.raises(ObjectExists):
        local.create("a", b"3")

    assert ["a", "b"] == names_below(Path(local.url))


@pytest.mark.parametrize("write", ["create", "put"])
def test_nothing_temporary_stays_when_the_name_cannot_be_given(local: Store, write: str) -> None:
    """The bytes are written, their name is too long: the store is as empty as before."""
    with pytest.raises(StoreError, match=r"cannot write .*: File name too long"):
        getattr(local, write)("n" * 300, b"data")

    assert [] == names_below(Path(local.url))


@pytest.mark.parametrize("write", ["create", "put"])
def test_nothing_stays_when_the_disk_takes_no_more(local: Store, write: str) -> None:
    """A write that ends in the middle leaves neither object nor half of one."""
    local.put("before", b"sound")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreError, match=r"cannot write .*after: File too large"):
            getattr(local, write)("after", bytes(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ["before"] == names_below(Path(local.url))


def test_an_object_is_synced_before_it_is_named_and_its_name_after(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power may fail at any moment: bytes first, then the name, then the folder that holds it."""
    local.put("folder/made/before", b"")
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def note_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def note_link(source: Path, target: Path) -> None:
        steps.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "link", note_link)
    local.create("folder/made/object", b"data")

    assert ["file", "link", "folder"] == steps


def test_a_new_folder_is_synced_into_the_one_above(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each folder that was made is entered durably, from the top down."""
    local.put("first", b"")
    synced: list[int] = []
    fsync = os.fsync

    def note_fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note_fsync)
    local.create("a/b/object", b"data")
    root = Path(local.url)
    folders = [root, root / "a"]

    assert [folder.stat().st_ino for folder in folders] == synced[:2]
    assert (root / "a/b").stat().st_ino == synced[-1]


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


def test_opening_a_store_makes_nothing(tmp_path: Path) -> None:
    """No folder appears before the first object does."""
    store = open_store(str(tmp_path / "a/b"))

    assert [] == store.names("")
    assert [] == names_below(tmp_path)


@pytest.mark.parametrize("prefix", ["", "file://", "local://"])
def test_a_local_store_has_many_spellings(tmp_path: Path, prefix: str) -> None:
    """A path and a file URL are the same place."""
    open_store(f"{prefix}{tmp_path}/store").create("object", b"data")

    assert b"data" == (tmp_path / "store/object").read_bytes()


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The file is named and stays as it is."""
    file = tmp_path / "file"
    file.write_bytes(b"mine")

    with pytest.raises(StoreError, match=f"the store {file} is a file"):
        open_store(str(file))
    assert b"mine" == file.read_bytes()


def test_a_store_below_a_file_is_refused(tmp_path: Path) -> None:
    """The file that is in the way is named."""
    file = tmp_path / "file"
    file.write_bytes(b"mine")

    with pytest.raises(StoreError, match=f"lies below {file}, which is a file"):
        open_store(f"{file}/sub/store")


def test_a_memory_store_that_is_an_object_is_refused() -> None:
    """An object is no folder."""
    open_store("memory://bucket").put("object", b"")

    with pytest.raises(StoreError, match="the store memory://bucket/object is a file"):
        open_store("memory://bucket/object")


def test_a_file_made_in_the_way_later_is_no_lost_race(local: Store) -> None:
    """A folder that cannot be made is an error of its own, never `ObjectExists`."""
    local.create("models", b"a file where a folder belongs")

    with pytest.raises(StoreError, match="cannot make the folder") as caught:
        local.create("models/default/record", b"")
    assert StoreError is caught.type


@pytest.mark.parametrize("name", ["~no_such_user_here/store", "n" * 300])
def test_a_path_that_no_disk_can_have_is_refused(name: str) -> None:
    """What the operating system says of it is one sentence, not a traceback."""
    with pytest.raises(StoreError, match="cannot be reached: "):
        open_store(name)


def test_a_folder_that_takes_no_files_is_refused() -> None:
    """The folder and the reason are named; root may write much, but not in /proc."""
    with pytest.raises(StoreError, match="cannot make the folder /proc/no-store: "):
        check_store(open_store("/proc/no-store"))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_is_refused(
    local: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """FAT, exFAT and some network shares: the probe says so, and nothing is left there."""

    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), source, None, target)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(UnsafeStore, match=f"{local.url} lies on a file system without hard links"):
        check_store(local)
    assert [] == names_below(Path(local.url))


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
