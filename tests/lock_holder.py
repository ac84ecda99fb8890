"""Another run of a model, as far as its lock goes: a process that imports little and so starts soon."""

from __future__ import annotations

import time
from pathlib import Path

from flows.storage.local_store import LocalStore
from flows.storage.locks import model_lock


def hold_lock(store: str, seconds: float) -> None:
    """Hold the lock of the default model, as a run in another process does."""
    with model_lock(LocalStore(store), "default", wait=False, on_wait=lambda: None):
        Path(store, "held").touch()
        time.sleep(seconds)
