"""Claim: what samples copied is found many times faster than with Python's sets of substrings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.side_by_side import Claim, Work, compare
from benchmarks.texts import king_james, tokens_of
from flows.text.copying import copied

lengths = (10, 20, 40)
samples, length, source_length = 1000, 200, 1_000_000
bundled = Path(__file__).parent.parent / "data" / "corpus"


def measure() -> list[Claim]:
    """1,000 samples of 200 characters against a million: shares, and here the longest run too."""
    text = king_james() or "".join(file.read_text() for file in sorted(bundled.glob("*.txt")))
    source = (text * (1 + source_length // len(text)))[:source_length]
    drawn = like_samples(source)
    sets = {"sets of substrings, without the longest run": with_sets(drawn, source)}
    return compare("copied shares and longest run", "samples/s", compiled(drawn, source), sets)


def like_samples(source: str) -> list[str]:
    """Texts that are copied in runs of 1 to 30 characters."""
    rng = np.random.default_rng(0)
    pieces = ((rng.integers(len(source) - 30), rng.integers(1, 30)) for _ in range(20 * samples))
    text = "".join(source[at : at + size] for at, size in pieces)
    return [text[at : at + length] for at in range(0, samples * length, length)]


def compiled(drawn: list[str], source: str) -> Work:
    """This project's search."""
    tokens, vocabulary = tokens_of(source)
    joined = vocabulary.encode("".join(drawn))
    ends = np.cumsum([len(text) for text in drawn])

    def work() -> float:
        copied(joined, ends, tokens, lengths)
        return len(drawn)

    return work


def with_sets(drawn: list[str], source: str) -> Work:
    """Every substring of the source in a set, one length after the other."""

    def work() -> float:
        for size in lengths:
            known = {source[at : at + size] for at in range(len(source) - size + 1)}
            for text in drawn:
                sum(text[at : at + size] in known for at in range(len(text) - size + 1))
        return len(drawn)

    return work
