"""A corpus over the nights: it grows, changes its topic, gets new alphabets, and breaks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.support.texts import bundled

Files = dict[str, bytes]
Lines = dict[str, list[str]]

alphabets = ("маяк и лодка", "φάρος και βάρκα", "灯台と船", "مصباح وقارب", "🔦⛵🕊", "מגדלור וסירה")
words_a_line = 10
replaced_share = 0.01  # of the characters of a text whose bytes were damaged


class Corpus:
    """Three files of lines; `write` writes them, as they are or as a bad night leaves them."""

    def __init__(self, folder: Path, lines: int, seed: int) -> None:
        self.folder = folder
        self.growth = max(1, lines // 100)  # lines a night
        self.lines: Lines = {f"{name}.txt": [] for name in "abc"}
        self._rng = np.random.default_rng(seed)
        self._topics = [
            (bundled / f"{name}.txt").read_text(encoding="utf-8").split()
            for name in ("lighthouse", "songs", "letters")
        ]
        self._scripts = 0
        for name in self.lines:
            self._add(name, self._topics[0], lines // 3)

    def grow(self) -> None:
        """A night's new lines, at the end of one of the files."""
        self._add(self._any_file(), self._topics[0], self.growth)

    def drift(self) -> None:
        """Many new lines of other texts."""
        self._add(self._any_file(), self._topics[int(self._rng.integers(1, 3))], 4 * self.growth)

    def new_alphabet(self) -> None:
        """New lines with characters that were never there."""
        script = alphabets[self._scripts % len(alphabets)].split()
        self._scripts += 1
        self._add(self._any_file(), [*self._topics[0], *script * 50], self.growth)

    def write(self, kind: str) -> Files:
        """The corpus as it is found in a night of that kind; only a bad one is not as it should."""
        broken = bad_nights.get(kind, _intact)
        files = broken(self.lines, self._rng)
        self.folder.mkdir(exist_ok=True)
        for path in self.folder.iterdir():
            path.unlink()
        for name, data in files.items():
            (self.folder / name).write_bytes(data)
        return files

    def _any_file(self) -> str:
        return str(self._rng.choice(list(self.lines)))

    def _add(self, name: str, words: list[str], lines: int) -> None:
        chosen = self._rng.choice(words, (lines, words_a_line))
        self.lines[name] += [" ".join(["café", *line]) + "\n" for line in chosen]


def _intact(lines: Lines, _: np.random.Generator) -> Files:
    return {name: "".join(found).encode() for name, found in lines.items()}


def _halved(lines: Lines, rng: np.random.Generator) -> Files:
    return _intact({name: found[: len(found) // 2] for name, found in lines.items()}, rng)


def _file_gone(lines: Lines, rng: np.random.Generator) -> Files:
    largest = max(lines, key=lambda name: len(lines[name]))
    return _intact({name: found for name, found in lines.items() if name != largest}, rng)


def _damaged_bytes(lines: Lines, rng: np.random.Generator) -> Files:
    def damaged(line: str) -> str:
        hit = rng.random(len(line) - 1) < replaced_share
        return "".join("\ufffd" if at else old for at, old in zip(hit, line, strict=False)) + "\n"

    return _intact({name: list(map(damaged, found)) for name, found in lines.items()}, rng)


def _latin_1(lines: Lines, _: np.random.Generator) -> Files:
    return {name: "".join(found).encode("latin-1", "replace") for name, found in lines.items()}


def _mis_encoded(lines: Lines, rng: np.random.Generator) -> Files:
    return {name: data.decode("latin-1").encode() for name, data in _intact(lines, rng).items()}


def _shuffled(lines: Lines, rng: np.random.Generator) -> Files:
    def shuffled(line: str) -> str:
        return "".join(rng.permutation(list(line[:-1]))) + "\n"

    return _intact({name: list(map(shuffled, found)) for name, found in lines.items()}, rng)


bad_nights: dict[str, Callable[[Lines, np.random.Generator], Files]] = {
    "halved": _halved,
    "file gone": _file_gone,
    "damaged bytes": _damaged_bytes,  # U+FFFD where a program could not decode
    "latin-1": _latin_1,  # read as UTF-8
    "mis-encoded": _mis_encoded,  # UTF-8 that was read as latin-1 and written again
    "shuffled": _shuffled,
}
