"""The system calls with which a local store changes its disk, watched or made to fail."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Call(NamedTuple):
    """A call that changes the disk, or syncs a change to it."""

    name: str  # make, write, sync, sync folder, link, replace, unlink, mkdir
    path: str
    target: str = ""  # of link and replace
    data: bytes = b""  # of write


Watch = Callable[[Call], None]


def watch_calls(monkeypatch: pytest.MonkeyPatch, before: Watch, after: Watch) -> None:
    """Call `before` and `after` around each system call; it fails with what `before` raises.

    The patched names are those with which `LocalStore` and pathlib access the disk.
    """
    paths: dict[int, str] = {}  # of open files, by descriptor
    real_open, real_fsync = os.open, os.fsync

    def around(call: Call, work: Callable[[], Any]) -> Any:
        before(call)
        result = work()
        after(call)
        return result

    def open_(path: Path, flags: int, mode: int = 0o777, **options: Any) -> int:
        def work() -> int:
            descriptor = real_open(path, flags, mode, **options)
            paths[descriptor] = str(path)
            return descriptor

        made = Call("make", str(path))
        return int(around(made, work) if flags & os.O_CREAT else work())

    def fsync(descriptor: int) -> None:
        path = paths[descriptor]
        name = "sync folder" if Path(path).is_dir() else "sync"
        around(Call(name, path), lambda: real_fsync(descriptor))

    def fdopen(descriptor: int, _mode: str) -> io.BufferedWriter:
        return io.BufferedWriter(WatchedFile(descriptor, paths[descriptor], around))

    monkeypatch.setattr(os, "open", open_)
    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "fdopen", fdopen)
    for name in ("link", "replace"):
        monkeypatch.setattr(os, name, _with_two_paths(name, getattr(os, name), around))
    for name in ("unlink", "mkdir"):
        monkeypatch.setattr(os, name, _with_one_path(name, getattr(os, name), around))


class WatchedFile(io.FileIO):
    """A file whose writes are watched."""

    def __init__(self, descriptor: int, path: str, around: Callable[..., Any]) -> None:
        super().__init__(descriptor, "wb")
        self._path = path
        self._around = around

    def write(self, data: Any) -> int:
        call = Call("write", self._path, data=bytes(data))
        return int(self._around(call, lambda: super(WatchedFile, self).write(data)))


def _with_two_paths(name: str, real: Callable[..., Any], around: Callable[..., Any]) -> Any:
    def call(source: Path, target: Path, **options: Any) -> Any:
        return around(Call(name, str(source), str(target)), lambda: real(source, target, **options))

    return call


def _with_one_path(name: str, real: Callable[..., Any], around: Callable[..., Any]) -> Any:
    def call(path: Path, *arguments: Any, **options: Any) -> Any:
        return around(Call(name, str(path)), lambda: real(path, *arguments, **options))

    return call
