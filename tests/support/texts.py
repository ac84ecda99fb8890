"""Texts of random letters or of ordinary words, and their blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from flows.storage.datasets import tokenise
from flows.text import Blocks

bundled = Path(__file__).parents[2] / "data" / "corpus"


def make_text(lengths: list[int], seed: int = 0) -> str:
    """Lines of those lengths, each with random characters."""
    rng = np.random.default_rng([seed, *lengths])
    letters = np.array(list("abcdefghijklmnop"))
    return "".join("".join(rng.choice(letters, length)) + "\n" for length in lengths)


def some_text(blocks: int, seed: int = 0) -> str:
    """A text of about that many blocks."""
    return make_text([60] * 18 * blocks, seed)


def blocks_of(*texts: str) -> Blocks:
    """All blocks of a text of some files."""
    dataset = tokenise(list(texts))
    return Blocks.of_text(dataset.tokens, dataset.vocabulary, dataset.file_ends)


def some_lines(count: int, seed: int = 0) -> list[str]:
    """Lines of ten words of the bundled corpus in a random order; about 56 characters each."""
    words = (bundled / "lighthouse.txt").read_text(encoding="utf-8").split()
    chosen = np.random.default_rng(seed).choice(words, (count, 10))
    return [" ".join(line) + "\n" for line in chosen]
