"""Checking a text against the champion's: what the gates need to know, found in the store."""

from __future__ import annotations

from functools import partial

from flows.exceptions import DamagedObject, UnknownObject
from flows.lifecycle.comparison import grown
from flows.lifecycle.gates import check_text
from flows.parameters import GateOptions
from flows.storage import datasets
from flows.storage.damage import warn
from flows.storage.datasets import Dataset
from flows.storage.registry import Champion, Registry
from flows.storage.runs import load_run
from flows.storage.stores import Store
from flows.storage.versions import Finding
from flows.text import Blocks
from rnncore import bits_per_character


def check_against_champion(
    store: Store, model: str, dataset: Dataset, options: GateOptions, most: int
) -> tuple[Finding, ...]:
    """What the gates find in a dataset; nothing where there is no champion, or its own text.

    The champion reads at most `most` characters.
    """
    champion = Registry(store, model).champion()
    if champion is None:
        return ()
    try:
        old_id = load_run(store, model, champion.version.run_id).dataset_id
        if old_id == dataset.dataset_id:
            return ()
        new, old = dataset.blocks(), datasets.load(store, old_id).blocks()
    except (DamagedObject, UnknownObject) as error:
        warn(DamagedObject(f"the text of version {champion.number}", str(error)), "no gates")
        return ()
    return check_text(new, old, options, partial(_surprise, champion, new, old, most))


def _surprise(
    champion: Champion, new: Blocks, old: Blocks, most: int
) -> tuple[float, float] | None:
    """The champion's bits per character on the new blocks, and its own when it was promoted."""
    own = champion.version.bits_per_character
    fresh = new.without(old.digests)
    if own is None or not len(fresh):
        return None
    blocks = fresh.smallest(most)
    vocabulary = champion.payload.vocabulary.union(blocks.vocabulary)
    tokens = vocabulary.places_of(blocks.vocabulary)[blocks.joined()]
    if not (blocks.lengths > 1).any():
        return None
    network = grown(champion.payload, vocabulary, seed=0)
    return bits_per_character(network, tokens, blocks.ends), own
