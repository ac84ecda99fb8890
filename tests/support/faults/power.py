"""Simulated power loss: every image of the disk that a weak file system could leave.

The system calls of a run are recorded. At each point in time, what was synced is on disk. Of a file
that was not synced, nothing, half, zeros or all bytes may be on disk. Of the names created or
removed in a folder that was not synced, any subset may be on disk. Every such image is then read as
the program would read it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from flows.exceptions import ObjectMissing, StorageError
from flows.storage import bounds
from flows.storage.canonical import digest
from flows.storage.checkpoints import CheckpointLog
from flows.storage.payload import write_payload
from flows.storage.stores import open_store
from tests.support.damage import reported
from tests.support.faults.syscalls import Call, watch_calls
from tests.support.states import facts, make_state, vocabulary
from tests.support.stores import StoreWrapper

run_id = "0" * 16
enough = 10  # stop after this many violations
most_subsets = 64  # of pending changes to folders; of more, a random sample is checked

Image = dict[str, bytes]


class Recording(NamedTuple):
    """The calls in order, and after how many of them each iteration was acknowledged."""

    calls: list[Call]
    acknowledged: list[tuple[int, int]]
    digests: dict[int, str]


class Change(NamedTuple):
    """A change to a folder: `name` is now a file, a folder, or removed."""

    name: str
    file: int | None  # number of the file's content; None if it is removed
    removed: str = ""  # the old name of a renamed file
    folder: bool = False


def record_run(store: Path, monkeypatch: pytest.MonkeyPatch, commits: int = 3) -> Recording:
    """Commit some checkpoints to an empty store, and record every call."""
    recording = Recording([], [], {})
    watch_calls(monkeypatch, before=lambda _: None, after=recording.calls.append)
    log = CheckpointLog(open_store(str(store)), "default", run_id)
    for number in range(commits):
        state = make_state(iterations=number)
        log.commit(state, vocabulary, facts, after=number - 1)
        recording.acknowledged.append((len(recording.calls), number))
        recording.digests[number] = digest(write_payload(state, vocabulary))
    monkeypatch.undo()
    return recording


def violations(recording: Recording, root: Path) -> tuple[int, list[str]]:
    """The number of distinct images, and what is wrong with them."""
    seen: set[tuple[int, frozenset[tuple[str, bytes]]]] = set()
    wrong = []
    for instant in range(len(recording.calls) + 1):
        done = [iteration for at, iteration in recording.acknowledged if at <= instant]
        acknowledged = max(done, default=-1)
        for image in images(recording.calls[:instant], instant):
            key = (acknowledged, frozenset(image.items()))
            if key not in seen:
                seen.add(key)
                wrong += problems(image, root, acknowledged, recording.digests)
            if len(wrong) > enough:
                return len(seen), wrong
    return len(seen), wrong


def problems(image: Image, root: Path, acknowledged: int, digests: dict[int, str]) -> list[str]:
    """What is wrong with an image: nothing may be corrupt, nothing acknowledged missing."""
    try:
        with reported() as found:
            newest = CheckpointLog(ImageStore(image, root), "default", run_id).newest()
    except StorageError as error:
        return [f"cannot be read: {error}"]
    wrong = [f"corrupt: {error}" for error in found]
    iteration = newest.record.iteration if newest else -1
    if iteration < acknowledged:
        wrong.append(f"iteration {acknowledged} was acknowledged, {iteration} is left")
    if newest and digests[iteration] != newest.record.digest:
        wrong.append(f"iteration {iteration} has other bytes")
    return wrong


def images(calls: list[Call], seed: int) -> Iterator[Image]:
    """Every image that a power loss after `calls` may leave."""
    synced, pending, contents = replay(calls)
    for chosen in subsets(pending, seed):
        names: dict[str, int] = {}
        folders: set[str] = set()
        for change in synced + chosen:
            names.pop(change.removed or change.name, None)
            if change.folder:
                folders.add(change.name)
            elif change.file is not None:
                names[change.name] = change.file
        made = {change.name for change in synced + pending if change.folder}
        lost = made - folders
        present = {
            name: file
            for name, file in names.items()
            if not any(name.startswith(f"{folder}/") for folder in lost)
        }
        options = [contents[file] for file in present.values()]
        for bodies in product(*options):
            yield dict(zip(present, bodies, strict=True))


def replay(calls: list[Call]) -> tuple[list[Change], list[Change], list[list[bytes]]]:
    """Synced changes to folders, pending ones, and the possible contents of each file."""
    synced: list[Change] = []
    pending: list[Change] = []
    files: dict[str, int] = {}  # by current name
    written: list[bytes] = []
    durable: list[bytes] = []
    for call in calls:
        folder = call.path if call.name == "sync folder" else ""
        if call.name == "make":
            files[call.path] = len(written)
            written.append(b"")
            durable.append(b"")
            pending.append(Change(call.path, files[call.path]))
        elif call.name == "write":
            written[files[call.path]] += call.data
        elif call.name == "sync":
            durable[files[call.path]] = written[files[call.path]]
        elif folder:
            synced += [change for change in pending if _is_in(change, folder)]
            pending = [change for change in pending if not _is_in(change, folder)]
        elif call.name == "mkdir":
            pending.append(Change(call.path, None, folder=True))
        elif call.name == "unlink":
            files.pop(call.path)
            pending.append(Change(call.path, None))
        else:
            source = files.pop(call.path) if call.name == "replace" else files[call.path]
            files[call.target] = source
            removed = call.path if call.name == "replace" else ""
            pending.append(Change(call.target, source, removed))
    contents = [bodies(*pair) for pair in zip(durable, written, strict=True)]
    return synced, pending, contents


def bodies(durable: bytes, written: bytes) -> list[bytes]:
    """The possible contents of a file to which `written` was written and `durable` synced."""
    if durable == written:
        return [written]
    return [durable, written[: len(written) // 2], bytes(len(written)), written]


def subsets(pending: list[Change], seed: int) -> Iterator[list[Change]]:
    """Which of the pending changes may have taken effect: every subset, or a random sample."""
    if 2 ** len(pending) <= most_subsets:
        masks = list(product([False, True], repeat=len(pending)))
    else:
        rng = random.Random(seed)
        masks = [tuple(rng.random() < 0.5 for _ in pending) for _ in range(most_subsets)]
        masks += [(False,) * len(pending), (True,) * len(pending)]
    for mask in masks:
        yield [change for change, kept in zip(pending, mask, strict=True) if kept]


class ImageStore(StoreWrapper):
    """A store that reads an image of a disk."""

    def __init__(self, image: Image, root: Path) -> None:
        super().__init__(open_store(str(root)))
        self._image = image
        self._root = root

    def read(self, path: str, most: int = bounds.payload) -> bytes:
        del most
        try:
            return self._image[str(self._root / path)]
        except KeyError:
            raise ObjectMissing(path) from None

    def names(self, folder: str) -> list[str]:
        paths = [Path(path) for path in self._image if Path(path).parent == self._root / folder]
        return sorted(path.name for path in paths if not path.name.startswith(".tmp-"))


def _is_in(change: Change, folder: str) -> bool:
    return str(Path(change.name).parent) == folder
