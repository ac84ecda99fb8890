"""What interrupted runs left behind: removed once it has lain about for long enough."""

from __future__ import annotations

from flows.storage.files import Store, probe_prefix
from flows.storage.local_store import temporary_prefix
from flows.storage.log import Log
from flows.storage.runs import run_folder

places = ("sources", "datasets", "models", "reports")  # all folders of a store
grace_seconds = 24 * 3600.0  # far longer than a commit takes, and than clocks may differ


def collect_garbage(
    store: Store, model: str, run_id: str, *, grace: float = grace_seconds
) -> list[str]:
    """Remove what nobody wrote in the last `grace` seconds and nobody will ever read.

    That is temporary files and probes anywhere in the store, and payloads of the run whose record
    was never written. Records are never removed. Returns the paths that were removed.
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
    """Payloads that no record names; none while a record is damaged, which may name any of them."""

    def old() -> set[str]:
        return _payloads(store.leftovers(f"{folder}/data", grace))

    if not (payloads := old()):
        return []
    # Listed behind the payloads: what is committed meanwhile is named by then.
    listing = Log(store, f"{folder}/log").look()
    named = {record.content.get("digest") for record in listing.newest_first("checkpoint")}
    if listing.damaged or not (unnamed := payloads - named):
        return []
    # A writer puts a payload again before it names it, which makes it young: look once more.
    return [f"{folder}/data/{digest}.safetensors" for digest in sorted(unnamed & old())]


def _payloads(names: list[str]) -> set[str]:
    """The digests that name payloads."""
    return {name.removesuffix(".safetensors") for name in names if name.endswith(".safetensors")}
