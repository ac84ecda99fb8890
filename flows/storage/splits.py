"""Held-out text, chosen by content so that it stays held out in every later corpus."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np

from flows.storage import datasets
from flows.storage.datasets import Dataset, TokenArray

SplitMethod = Literal["content", "tail"]
shortest_block = 1024  # characters; a block ends at the first line end past this
longest_block = 2048


class Split(NamedTuple):
    """Tokens to train on, and tokens that are only ever evaluated."""

    training: TokenArray
    held_out: TokenArray


@lru_cache(maxsize=2)  # a run asks for the same split at each of its chunks
def load_split(store_url: str, dataset_id: str, held_out: float, method: SplitMethod) -> Split:
    """The split of a stored dataset."""
    return split(datasets.load(store_url, dataset_id), held_out, method)


def split(dataset: Dataset, held_out: float, method: SplitMethod) -> Split:
    """Divide a corpus: `held_out` is the share to hold out, 0 for none.

    "content" cuts each file into blocks and holds a block out when its SHA-256, as a fraction of
    the largest, falls under the share; "tail" holds out the end of the text, as benchmarks do.
    """
    tokens = dataset.tokens
    if held_out == 0:
        return Split(tokens, tokens[:0])
    bounds = block_bounds(dataset)
    if method == "tail" or len(bounds) == 1:
        at = len(tokens) - round(len(tokens) * held_out)
        return Split(tokens[:at], tokens[at:])
    chosen = _choose([_fraction(dataset, start, end) for start, end in bounds], held_out)
    lengths = [end - start for start, end in bounds]
    mask = np.repeat(chosen, lengths)
    return Split(tokens[~mask], tokens[mask])


def block_bounds(dataset: Dataset) -> list[tuple[int, int]]:
    """Start and end of each block, in characters; no block crosses from one file to the next."""
    newline = dataset.vocabulary.characters.find("\n")
    line_ends = np.flatnonzero(dataset.tokens == newline) + 1 if newline >= 0 else np.empty(0, int)
    bounds = []
    start = 0
    for file_end in dataset.file_ends:
        while start < file_end:
            at = int(np.searchsorted(line_ends, start + shortest_block, side="right"))
            line_end = int(line_ends[at]) if at < len(line_ends) else file_end
            end = min(line_end, start + longest_block, file_end)
            bounds.append((start, end))
            start = end
    return bounds


def _fraction(dataset: Dataset, start: int, end: int) -> float:
    """The block's SHA-256 as a number in [0, 1)."""
    text = dataset.vocabulary.decode(dataset.tokens[start:end])
    first = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8]
    return int.from_bytes(first) / 2**64


def _choose(fractions: list[float], held_out: float) -> list[bool]:
    """Which blocks to hold out: at least one, and never all of them."""
    chosen = [fraction < held_out for fraction in fractions]
    if not any(chosen):
        chosen[fractions.index(min(fractions))] = True
    if all(chosen):
        chosen[fractions.index(max(fractions))] = False
    return chosen
