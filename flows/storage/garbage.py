"""What interrupted runs left behind: removed once it has lain about for long enough."""

from __future__ import annotations

from flows.storage.files import Store
from flows.storage.local_store import temporary_prefix
from flows.storage.log import Log
from flows.storage.runs import run_folder

grace_seconds = 24 * 3600.0  # far longer than a commit takes, and than clocks may differ


def collect_garbage(
    store: Store, model: str, run_id: str, *, grace: float = grace_seconds
) -> list[str]:
    """Remove what no record of the run names and nobody wrote in the last `grace` seconds.

    That is temporary files, and payloads whose record was never written. Records are never
    removed; while one of them cannot be read, payloads are not either: it may name any of them.
    Returns the paths that were removed.
    """
    folder = run_folder(model, run_id)
    garbage = [
        f"{place}/{name}"
        for place in (folder, f"{folder}/log", f"{folder}/data")
        for name in store.leftovers(place, grace)
        if name.startswith(temporary_prefix)
    ]
    if payloads := _payloads(store.leftovers(f"{folder}/data", grace)):
        # Listed behind the payloads: what is committed meanwhile is named by then.
        listing = Log(store, f"{folder}/log").look()
        named = {record.content.get("digest") for record in listing.newest_first("checkpoint")}
        if not listing.damaged:
            unnamed = sorted(payloads - named)
            garbage += [f"{folder}/data/{digest}.safetensors" for digest in unnamed]
    for path in garbage:
        store.remove(path)
    return garbage


def _payloads(names: list[str]) -> set[str]:
    """The digests that name payloads."""
    return {name.removesuffix(".safetensors") for name in names if name.endswith(".safetensors")}
