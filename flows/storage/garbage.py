"""Files of interrupted runs that will never be read: removed once they are old enough."""

from __future__ import annotations

from flows.storage.log import Log
from flows.storage.names import probe_prefix, temporary_prefix
from flows.storage.runs import run_folder
from flows.storage.stores import Store

places = ("sources", "datasets", "models", "reports")  # all folders of a store
grace_seconds = 24 * 3600.0  # far longer than a commit takes, and than clocks may differ


def collect_garbage(
    store: Store, model: str, run_id: str, *, grace: float = grace_seconds
) -> list[str]:
    """Remove what is older than `grace` seconds and will never be read.

    That is temporary files and probes anywhere in the store, and payloads of the run whose record
    was never written. Records are never removed. Returns the removed paths.
    """
    named_so = (temporary_prefix, probe_prefix)
    garbage = [name for name in store.leftovers("", grace) if name.startswith(named_so)]
    for place in places:
        garbage += store.temporary(place, grace)
    garbage += _unnamed_payloads(store, run_folder(model, run_id), grace)
    for path in garbage:
        store.remove(path)
    return garbage


def _unnamed_payloads(store: Store, folder: str, grace: float) -> list[str]:
    """Payloads that no record names; none while a record is corrupt, which may name any of them."""

    def old() -> set[str]:
        return _payloads(store.leftovers(f"{folder}/data", grace))

    if not (payloads := old()):
        return []
    # Listed after the payloads: what is committed meanwhile has its record by then.
    listing = Log(store, f"{folder}/log").list_records()
    named = {record.content.get("digest") for record in listing.newest_first("checkpoint")}
    if listing.damaged or not (unnamed := payloads - named):
        return []
    # A writer puts a payload again before its record, which makes it new: check its age again.
    return [f"{folder}/data/{digest}.safetensors" for digest in sorted(unnamed & old())]


def _payloads(names: list[str]) -> set[str]:
    """The digests that name payloads."""
    return {name.removesuffix(".safetensors") for name in names if name.endswith(".safetensors")}
