"""Files of interrupted runs that will never be read: removed once they are old enough."""

from __future__ import annotations

import time
from contextlib import suppress

from flows.exceptions import NewerFormat
from flows.storage.clock import last_write, store_time
from flows.storage.log import Log
from flows.storage.names import is_own, is_payload, round_of_name
from flows.storage.runs import models, run_folder, runs_of
from flows.storage.stores import Store

places = ("sources", "datasets", "models", "reports", "exports")  # all folders of a store
grace_seconds = 24 * 3600.0  # far longer than a commit takes, and than clocks may differ


def collect_garbage(store: Store, *, grace: float = grace_seconds) -> list[str]:
    """Remove what is older than `grace` seconds and will never be read, anywhere in the store.

    That is temporary files, probes, payloads whose record was never written, and ends of rounds of
    before the newest checkpoint. Records are never
    removed, nor files of other names. Returns the removed paths.
    """
    if store.is_new():
        return []
    limit = store_time(store) - grace
    found = {name: at for name, at in store.written("").items() if is_own(name)}
    for place in places:
        found |= store.temporary(place)
    garbage = sorted(path for path, at in found.items() if at < limit)
    for path in garbage:
        store.remove(path)
    for model in models(store):
        for run_id in runs_of(store, model):
            with suppress(NewerFormat):  # a newer program's run
                garbage += collect_unnamed(store, model, run_id, grace=grace)
    return garbage


def collect_unnamed(
    store: Store, model: str, run_id: str, *, grace: float = grace_seconds
) -> list[str]:
    """The same for the payloads of one run."""
    folder = run_folder(model, run_id)
    garbage = _unnamed_payloads(store, folder, grace) + _past_rounds(store, folder, grace)
    for path in garbage:
        store.remove(path)
    return garbage


def _past_rounds(store: Store, folder: str, grace: float) -> list[str]:
    """Ends of rounds of which there is a checkpoint, or a later one."""
    if not (found := store.written(f"{folder}/rounds")):
        return []
    log = f"{folder}/log"
    limit = min(last_write(store, log), time.time()) - grace
    record = next(Log(store, log).list_records().newest_first("checkpoint"), None)
    newest = record.content.get("iteration") if record else None
    names = {name: round_of_name(name) for name, at in found.items() if at < limit}
    return [
        f"{folder}/rounds/{name}"
        for name, known in sorted(names.items())
        if known and type(newest) is int and known.iteration <= newest
    ]


def _unnamed_payloads(store: Store, folder: str, grace: float) -> list[str]:
    """Payloads that no record names; none while a record is corrupt, which may name any of them."""
    log = f"{folder}/log"
    if not store.written(log):
        return []  # the first payload may just have been put
    # By the clock that dates the newest record too: this host's may be ahead of it.
    limit = min(last_write(store, log), time.time()) - grace

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
