"""On a local disk: whole or not at all, private, synced, and refused where a disk cannot do it."""

from __future__ import annotations

import errno
import os
import resource
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from flows.exceptions import DamagedObject, ObjectExists, StoreError, UnsafeStore
from flows.storage.stores import Store, check_store, open_store


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the umask; what it was comes back."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def names_below(folder: Path) -> list[str]:
    """Every name below `folder`, temporary ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


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

    with pytest.raises(StoreError, match=f"is below {file}, which is a file"):
        open_store(f"{file}/sub/store")


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
    with pytest.raises(UnsafeStore, match=f"{local.url} is on a file system without hard links"):
        check_store(local)
    assert [] == names_below(Path(local.url))


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_damage_and_not_waited_for(
    local: Store, make: Callable[[str], None]
) -> None:
    """A pipe in an object's place would never end."""
    local.create("log/sound", b"")
    make(local.location("log/object"))

    with pytest.raises(DamagedObject, match="log/object: is not a file"):
        local.read("log/object")
