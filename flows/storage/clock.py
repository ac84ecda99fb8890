"""The store's own clock, by which all its objects are dated: a host's may be ahead or behind."""

from __future__ import annotations

import math
from contextlib import suppress

from flows.exceptions import StoreError
from flows.storage.names import probe_name
from flows.storage.stores import Store


def store_time(store: Store) -> float:
    """Now, in seconds since 1970; -inf where the store dates nothing, so that nothing is old there.

    A probe is written and removed to find out.
    """
    path = probe_name()
    store.create(path, b"clock")
    try:
        now = store.written("").get(path, math.inf)
    finally:
        with suppress(StoreError):  # a probe that stays does no harm
            store.remove(path)
    return now if math.isfinite(now) else -math.inf


def last_write(store: Store, *folders: str) -> float:
    """When the newest object in any of `folders` was written; -inf where there is none."""
    times = (at for folder in folders for at in store.written(folder).values())
    return max(times, default=-math.inf)
