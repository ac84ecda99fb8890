"""Retirement: a run's log says what retention removes of it, before it is removed.

A payload that is there is as good as ever, whatever the log says: a record of a retirement only
permits its removal, and explains its absence.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from flows.storage.log import Listing, Log, Record
from flows.storage.names import is_payload, round_of_name
from flows.storage.runs import run_folder
from flows.storage.stores import Store

retirement = "retirement"  # kind of the records about some payloads
removal = "removal"  # about the whole run: it is being removed, where this is the newest record
restoration = "restoration"  # after a removal that was given up


class Retirement(BaseModel):
    """What is removed, and why; no digests where it is the whole run, or a removal is given up."""

    model_config = ConfigDict(frozen=True)

    digests: tuple[str, ...] = ()
    reason: str


def retired(listing: Listing) -> dict[str, Record]:
    """The records of retirements, by digest; not where a payload was written again since."""
    newest: dict[str, Record] = {}
    for record in listing.intact():
        digests = [record.content.get("digest")] if record.kind == "checkpoint" else []
        found = record.content.get("digests")
        if record.kind == retirement and isinstance(found, list):
            digests = found
        for digest in digests:
            newest.setdefault(str(digest), record)
    return {digest: record for digest, record in newest.items() if record.kind == retirement}


def removed(listing: Listing) -> Record | None:
    """The record which says that the whole run is being removed, if it is."""
    newest = next(listing.intact(), None)
    return newest if newest and newest.kind == removal else None


def remove_payloads(store: Store, model: str, run_id: str, digests: tuple[str, ...]) -> None:
    """Remove some payloads of a run; some may be gone already."""
    for digest in digests:
        store.remove(f"{run_folder(model, run_id)}/data/{digest}.safetensors")


def remove_run(store: Store, model: str, run_id: str) -> None:
    """Remove a run, or what is left of it: payloads, log, and its description last."""
    folder = run_folder(model, run_id)
    for name in filter(is_payload, store.names(f"{folder}/data")):
        store.remove(f"{folder}/data/{name}")
    for name in filter(round_of_name, store.names(f"{folder}/rounds")):
        store.remove(f"{folder}/rounds/{name}")
    Log(store, f"{folder}/log").remove()
    store.remove(f"{folder}/run.json")
    store.remove_folders(folder)
