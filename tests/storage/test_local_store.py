"""Objects on a local disk are complete, private and synced; unsuitable disks are refused."""

from __future__ import annotations

import errno
import os
import resource
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from flows.exceptions import DamagedObject, ObjectExists, StoreError, UnsafeStore
from flows.storage.stores import Store, check_store, open_store


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    """Sets the umask; the previous one is restored after the test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def names_below(folder: Path) -> list[str]:
    """Every name below `folder`, temporary ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_reader_never_sees_a_partial_object(local: Store) -> None:
    """While an object is replaced repeatedly, every read is complete."""
    size = 1 << 20
    local.put("object", b"a" * size)
    done, torn = Event(), []

    def read_repeatedly() -> None:
        while not done.is_set():
            data = local.read("object")
            if data not in (b"a" * size, b"b" * size):
                torn.append(len(data))

    reader = Thread(target=read_repeatedly)
    reader.start()
    for number in range(60):
        local.put("object", b"ab"[number % 2 : number % 2 + 1] * size)
    done.set()
    reader.join()

    assert [] == torn


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_objects_are_private_with_any_umask(
    local: Store, umask: Callable[[int], int], mask: int
) -> None:
    """Only the owner can read payloads and records."""
    umask(mask)
    local.create("record", b"")
    local.put("payload", b"")

    for name in ("record", "payload"):
        assert 0o600 == stat.S_IMODE(Path(local.location(name)).stat().st_mode)


@pytest.mark.parametrize(("mask", "mode"), [(0o000, 0o666), (0o022, 0o644), (0o077, 0o600)])
def test_reports_follow_the_umask(
    local: Store, umask: Callable[[int], int], mask: int, mode: int
) -> None:
    """Reports have the permissions of any other new file."""
    umask(mask)
    local.create("report", b"", private=False)

    assert mode == stat.S_IMODE(Path(local.location("report")).stat().st_mode)


def test_no_temporary_file_is_left_after_success_or_a_lost_race(local: Store) -> None:
    """Only the objects themselves are left."""
    local.create("a", b"1")
    local.put("b", b"2")
    with pytest.raises(ObjectExists):
        local.create("a", b"3")

    assert ["a", "b"] == names_below(Path(local.url))


@pytest.mark.parametrize("write", ["create", "put"])
def test_no_temporary_file_is_left_when_the_name_is_too_long(local: Store, write: str) -> None:
    """The bytes are written, but the name is refused: the store is as empty as before."""
    with pytest.raises(StoreError, match=r"cannot write .*: File name too long"):
        getattr(local, write)("n" * 300, b"data")

    assert [] == names_below(Path(local.url))


@pytest.mark.parametrize("write", ["create", "put"])
def test_nothing_is_left_of_a_write_that_fails(local: Store, write: str) -> None:
    """A write that fails in the middle leaves no object and no part of one."""
    local.put("before", b"intact")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(StoreError, match=r"cannot write .*after: File too large"):
            getattr(local, write)("after", bytes(1_000_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ["before"] == names_below(Path(local.url))


def test_an_object_is_synced_before_it_is_linked_and_its_folder_after(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power may fail at any time: bytes first, then the name, then the folder that contains it."""
    local.put("folder/made/before", b"")
    steps: list[str] = []
    fsync, link = os.fsync, os.link

    def record_fsync(descriptor: int) -> None:
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        fsync(descriptor)

    def record_link(source: Path, target: Path) -> None:
        steps.append("link")
        link(source, target)

    monkeypatch.setattr(os, "fsync", record_fsync)
    monkeypatch.setattr(os, "link", record_link)
    local.create("folder/made/object", b"data")

    assert ["file", "link", "folder"] == steps


def test_a_new_folder_is_synced_into_its_parent(
    local: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The parent of each new folder is synced, from the top down."""
    local.put("first", b"")
    synced: list[int] = []
    fsync = os.fsync

    def record_fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", record_fsync)
    local.create("a/b/object", b"data")
    root = Path(local.url)
    folders = [root, root / "a"]

    assert [folder.stat().st_ino for folder in folders] == synced[:2]
    assert (root / "a/b").stat().st_ino == synced[-1]


def test_opening_a_store_creates_nothing(tmp_path: Path) -> None:
    """Folders are created with the first object."""
    store = open_store(str(tmp_path / "a/b"))

    assert [] == store.names("")
    assert [] == names_below(tmp_path)


@pytest.mark.parametrize("prefix", ["", "file://", "local://"])
def test_a_local_store_may_be_a_path_or_a_file_url(tmp_path: Path, prefix: str) -> None:
    """A path and a file URL are the same place."""
    open_store(f"{prefix}{tmp_path}/store").create("object", b"data")

    assert b"data" == (tmp_path / "store/object").read_bytes()


def test_a_store_that_is_a_file_is_refused(tmp_path: Path) -> None:
    """The message names the file, which is unchanged."""
    file = tmp_path / "file"
    file.write_bytes(b"mine")

    with pytest.raises(StoreError, match=f"the store {file} is a file"):
        open_store(str(file))
    assert b"mine" == file.read_bytes()


def test_a_store_below_a_file_is_refused(tmp_path: Path) -> None:
    """The message names the file."""
    file = tmp_path / "file"
    file.write_bytes(b"mine")

    with pytest.raises(StoreError, match=f"is below {file}, which is a file"):
        open_store(f"{file}/sub/store")


@pytest.mark.parametrize("below", ["", "/sub/store"])
@pytest.mark.parametrize("target", ["gone", "link"])
def test_a_store_that_is_a_link_to_nowhere_is_refused(
    tmp_path: Path, below: str, target: str
) -> None:
    """What it led to was moved, is not mounted, or is the link itself."""
    (tmp_path / "link").symlink_to(target)

    with pytest.raises(
        StoreError, match=f"is a symbolic link to {target}, which does not exist: mount"
    ):
        open_store(f"{tmp_path}/link{below}")


def test_a_folder_that_is_a_link_to_nowhere_is_refused(local: Store) -> None:
    """The same for a folder in the store."""
    local.put("object", b"")
    Path(local.location("models")).symlink_to("gone")

    with pytest.raises(StoreError, match="models is a symbolic link to gone, which does not exist"):
        local.put("models/default/object", b"")


@pytest.mark.parametrize("prefix", ["file://", "local://"])
def test_a_file_url_with_escapes_is_refused(tmp_path: Path, prefix: str) -> None:
    """It would make a folder of that name; a plain path may have it."""
    with pytest.raises(
        StoreError, match=r"x%20y has %-escapes.*: give the path itself, '.*/x y', or '.*/x%20y'"
    ):
        open_store(f"{prefix}{tmp_path}/x%20y")
    open_store(f"{tmp_path}/x%20y").put("object", b"")

    assert ["x%20y"] == [path.name for path in tmp_path.iterdir()]


def test_a_file_in_place_of_a_folder_is_not_a_lost_race(local: Store) -> None:
    """A folder that cannot be created is a different error, never `ObjectExists`."""
    local.create("models", b"a file where a folder belongs")

    with pytest.raises(StoreError, match="cannot make the folder") as caught:
        local.create("models/default/record", b"")
    assert StoreError is caught.type


@pytest.mark.parametrize("name", ["~no_such_user_here/store", "n" * 300])
def test_an_impossible_path_is_refused(name: str) -> None:
    """The operating system's error is one sentence, not a traceback."""
    with pytest.raises(StoreError, match="cannot be reached: "):
        open_store(name)


def test_a_folder_without_write_permission_is_refused() -> None:
    """The message names folder and reason; not even root can create folders in /proc."""
    with pytest.raises(StoreError, match="cannot make the folder /proc/no-store: "):
        check_store(open_store("/proc/no-store"))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_hard_links_is_refused(
    local: Store, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """FAT, exFAT and some network shares: the probe reports it and leaves nothing."""

    def link(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), source, None, target)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(UnsafeStore, match=f"{local.url} is on a file system without hard links"):
        check_store(local)
    assert [] == names_below(Path(local.url))


def make_socket(name: str) -> None:
    """A file that only connects processes."""
    socket.socket(socket.AF_UNIX).bind(name)


@pytest.mark.parametrize(
    "make",
    [os.mkfifo, os.mkdir, make_socket, lambda name: Path(name).symlink_to(name)],
    ids=["pipe", "folder", "socket", "link to itself"],
)
def test_an_object_that_is_not_a_file_is_corrupt_and_does_not_block(
    local: Store, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], None]
) -> None:
    """Reading a pipe in place of an object would never end."""
    local.create("log/intact", b"")
    monkeypatch.chdir(local.location("log"))  # a socket's path is short
    make("object")

    with pytest.raises(DamagedObject, match="log/object: is not a file"):
        local.read("log/object")
