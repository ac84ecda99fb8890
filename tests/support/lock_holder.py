"""Another process that holds a model's lock; it imports little, so it starts fast."""

from __future__ import annotations

import time
from pathlib import Path

from flows.storage.backends.local import LocalStore
from flows.storage.cache import Cache


def hold_lock(store: str, seconds: float) -> None:
    """Hold the lock of the default model, as a run in another process does."""
    lock = LocalStore(store, Cache()).lock
    with lock("models/default/lock", "model default", wait=False, on_wait=lambda: None):
        Path(store, "held").touch()
        time.sleep(seconds)
