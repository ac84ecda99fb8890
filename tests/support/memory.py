"""An object store in memory under an address of its own: `memory://` is refused as a store."""

from __future__ import annotations

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class InMemory(MemoryFileSystem):  # type: ignore[misc]
    """fsspec's file system in memory, which all tests share."""

    protocol = "inmemory"


fsspec.register_implementation(InMemory.protocol, f"{__name__}.{InMemory.__name__}")
