"""Fixtures of all tests that use stores."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from flows.storage.stores import Store, open_store


@pytest.fixture(autouse=True)
def fresh_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees datasets, copies or memory files of another."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield
    open_store.cache_clear()
    memory = fsspec.filesystem("memory")
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.fixture(params=["local", "memory"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where a store may be made: a local folder, then an object store."""
    return str(tmp_path / "store") if request.param == "local" else "memory://bucket/store"


@pytest.fixture
def store(store_url: str) -> Store:
    """A store of either kind, empty."""
    return open_store(store_url)


@pytest.fixture
def local(tmp_path: Path) -> Store:
    """A local store, empty."""
    return open_store(str(tmp_path / "store"))


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns so often that every race has its chance."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)
