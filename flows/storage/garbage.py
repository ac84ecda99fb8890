"""Files of interrupted runs that will never be read: removed once they are old enough."""

from __future__ import annotations

import math
import time

from flows.storage.log import Log
from flows.storage.names import is_own, is_payload
from flows.storage.runs import run_folder
from flows.storage.stores import Store

places = ("sources", "datasets", "models", "reports")  # all folders of a store
grace_seconds = 24 * 3600.0  # far longer than a commit takes, and than clocks may differ


def collect_garbage(
    store: Store, model: str, run_id: str, *, grace: float = grace_seconds
) -> list[str]:
    """Remove what is older than `grace` seconds and will never be read.

    That is temporary files and probes anywhere in the store, and payloads of the run whose record
    was never written. Records are never removed, nor files of other names. Returns the removed
    paths.
    """
    folder = run_folder(model, run_id)
    logs = [f"{folder}/log", f"models/{model}/versions", f"models/{model}/reports"]
    limit = _now(store, logs) - grace
    found = {name: at for name, at in store.written("").items() if is_own(name)}
    for place in places:
        found |= store.temporary(place)
    garbage = sorted(path for path, at in found.items() if at < limit)
    garbage += _unnamed_payloads(store, folder, grace)
    for path in garbage:
        store.remove(path)
    return garbage


def _now(store: Store, logs: list[str]) -> float:
    """When the newest record in `logs` was written, if not later than now.

    That and the age of garbage are told by one clock, while this host's may be ahead of others.
    """
    newest = max((at for log in logs for at in store.written(log).values()), default=math.inf)
    return min(newest, time.time())


def _unnamed_payloads(store: Store, folder: str, grace: float) -> list[str]:
    """Payloads that no record names; none while a record is corrupt, which may name any of them."""
    log = f"{folder}/log"
    if not store.written(log):
        return []  # the first payload may just have been put
    limit = _now(store, [log]) - grace

    def old() -> set[str]:
        found = store.written(f"{folder}/data").items()
        return {name for name, at in found if at < limit and is_payload(name)}

    if not (payloads := old()):
        return []
    # Listed after the payloads: what is committed meanwhile has its record by then.
    listing = Log(store, log).list_records()
    records = listing.newest_first("checkpoint")
    named = {f"{record.content.get('digest')}.safetensors" for record in records}
    if listing.damaged or not (unnamed := payloads - named):
        return []
    # A writer puts a payload again before its record, which makes it new: check its age again.
    return [f"{folder}/data/{name}" for name in sorted(unnamed & old())]
