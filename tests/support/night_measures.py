"""What is measured of a night: a champion on texts of before, and what a store takes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from flows.lifecycle.comparison import grown
from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Champion, Registry
from flows.storage.stores import Store
from flows.text import Blocks
from rnncore import nats_of_characters, restrict
from tests.support.flows import files_below


class Use(NamedTuple):
    """What a part of the store takes."""

    files: int
    size: int  # bytes


class Reign(NamedTuple):
    """A champion, and the text that was held out when it was trained."""

    champion: Champion
    text: Blocks


def reign(store: Store, model: str) -> Reign | None:
    """The champion of now."""
    if (champion := Registry(store, model).champion()) is None:
        return None
    text = OpenRun(store, model, champion.version.run_id).division.held_out
    return Reign(champion, text)


def bits(payload: Payload, text: Blocks, other: Payload | None = None) -> float:
    """Bits per character of a checkpoint on a text, over the characters that `other` knows, too.

    The first character of a block is given. A network that lacks characters is grown.
    """
    other = other or payload
    vocabulary = payload.vocabulary.union(other.vocabulary).union(text.vocabulary)
    known = payload.vocabulary.knows(vocabulary) & other.vocabulary.knows(vocabulary)
    tokens = vocabulary.places_of(text.vocabulary)[text.joined()]
    scored = known[tokens]
    scored[text.ends - text.lengths] = False
    network = restrict(grown(payload, vocabulary, seed=0), known)
    return float(nats_of_characters(network, tokens, text.ends)[scored].mean() / math.log(2))


def disk(store: Path) -> dict[str, Use]:
    """What each part of a store takes."""
    parts: dict[str, list[Path]] = {"models": [], "datasets": [], "versions": [], "reports": []}
    for path in files_below(store):
        names = path.relative_to(store).parts
        part = next((name for name in ("versions", "reports") if name in names), names[0])
        parts.setdefault(part, []).append(path)
    return {
        part: Use(len(found), sum(path.stat().st_size for path in found))
        for part, found in parts.items()
    }
