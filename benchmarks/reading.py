"""Claim: a corpus is read in less CPU time than the notebook's plain pass, and in flat memory.

Reading is two passes: the first hashes, counts and cuts the text into blocks, the second checks that
it is still the same text, and writes the tokens, durably. The profile comes after them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from functools import partial
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.side_by_side import Claim, Work, compare
from flows.corpus import CorpusRequest
from flows.lifecycle.ingestion import open_corpus
from flows.lifecycle.profiling import ensure_profile
from flows.parameters import ReadingOptions
from flows.storage.cache import Cache
from flows.storage.datasets import in_pieces, scan
from flows.storage.stores import connect
from flows.text import Encoder

size = 100_000_000  # bytes; the plain pass takes ten times as many of memory
alphabets = {
    "ASCII": ("etaoinshrdlucmfwygpbvkxqjz",),
    "mixed": (
        *("etaoinshrdlu", "оеаинтсрвлкмдпуяыь", "éèàçôûîëïüœß", "🦊🌍🎉🚀"),
        "".join(map(chr, range(0x4E00, 0x4E00 + 2000))),
    ),
}


def measure() -> list[Claim]:
    """ASCII, and Latin, Cyrillic, Chinese and emoji in turn, against the plain pass."""
    claims = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, alphabet in alphabets.items():
            file = Path(folder) / f"{kind}.txt"
            file.write_bytes(text_of(alphabet))
            works: dict[str, Work] = {
                "two passes and the profile": partial(read, file, is_profiled=True),
                "the two passes": partial(read, file, is_profiled=False),
                "encoding alone": encoder(file.read_bytes()),
            }
            for what, work in works.items():
                claims += against_plain(f"reading, {kind}, {what}", work, file)
    return claims


def against_plain(what: str, work: Work, file: Path) -> list[Claim]:
    """CPU time of some work beside that of the plain pass."""
    others = {"the notebook's plain pass": partial(plain, file)}
    return compare(what, "MB/CPU s", work, others, rounds=5, clock=time.process_time)


def text_of(alphabet: Sequence[str]) -> bytes:
    """Lines of words, a few of which are frequent; each line has the letters of one alphabet."""
    rng = np.random.default_rng(0)
    found = [
        ["".join(rng.choice(list(letters), rng.integers(2, 9))) for _ in range(5_000)]
        for letters in alphabet
    ]
    lines = []
    for words in islice(cycle(found), 50_000):
        places = rng.pareto(0.6, rng.integers(4, 16)) * 20
        lines.append(" ".join(words[int(place)] for place in places if place < len(words)))
    once = "\n".join([*lines, ""]).encode()
    return once * (size // len(once))


def plain(file: Path) -> float:
    """The notebook's pass: read, set, dict, list comprehension."""
    text = file.read_text(encoding="utf-8")
    token_of = {character: token for token, character in enumerate(sorted(set(text)))}
    tokens = [token_of[character] for character in text]
    return file.stat().st_size / 1e6 if tokens else 0.0


def read(file: Path, *, is_profiled: bool) -> float:
    """From a file to a dataset in an empty store."""
    with tempfile.TemporaryDirectory(dir=file.parent) as folder:
        store = connect(f"{folder}/store", Cache())
        request = CorpusRequest(str(file), "utf-8", ReadingOptions(), {})
        with open_corpus(store, request, lambda _: None) as opened:
            text = opened.text()
            opened.save(text)
            if is_profiled:
                ensure_profile(store, text.dataset_id, opened.files)
    return file.stat().st_size / 1e6


def encoder(data: bytes) -> Work:
    """The encoding of a text in memory, whose characters are known."""
    vocabulary = scan([("text", in_pieces(data))], "character").text.vocabulary

    def work() -> float:
        for _ in Encoder(vocabulary).encode(in_pieces(data)):
            pass
        return len(data) / 1e6

    return work
