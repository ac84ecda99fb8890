"""Claim: borders found by content move few blocks when a text is edited: `python -m benchmarks.borders`.

A block that an edit changes may change sides in the split by content. Each text is edited at 60
places (a line in between, another character, 50 characters less), and cut off at its head 20 times.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.texts import king_james
from flows.text import Blocks, Vocabulary
from flows.text.chunks import bounds_by_content

characters = 1_000_000
edits, heads = 60, 20
Rule = Callable[[str], list[str]]


def texts() -> Iterator[tuple[str, str]]:
    """Names and texts, with short lines and with none."""
    rng = np.random.default_rng(1)
    if found := king_james():
        yield "King James, a verse a line", found[:characters]
        yield "King James, one line", found[:characters].replace("\n", " ")
    yield "base64, one line", base64.b64encode(rng.bytes(characters * 3 // 4)).decode()
    points = 0x4E00 + rng.zipf(1.25, characters) % 4000
    yield "Chinese characters, no line end", "".join(map(chr, points))
    yield (
        "a log, 50 characters a line",
        "".join(
            f"2026-11-26 10:{k % 60:02d} INFO request {k} served in {rng.integers(999)} ms\n"
            for k in range(characters // 50)
        ),
    )
    yield "one line again and again", "All work and no play.\n" * (characters // 22)


def by_line_ends(text: str) -> list[str]:
    """The blocks of the rule of today."""
    vocabulary = Vocabulary.of_text(text)
    return _blocks(text, Blocks.of_text(vocabulary.encode(text), vocabulary, [len(text)]).bounds)


def by_content(text: str) -> list[str]:
    """The blocks of the other rule."""
    vocabulary = Vocabulary.of_text(text)
    return _blocks(text, bounds_by_content(vocabulary.encode(text), vocabulary, [len(text)]))


def _blocks(text: str, bounds: NDArray[np.int64]) -> list[str]:
    return [text[start:end] for start, end in bounds.tolist()]


def edited(text: str) -> Iterator[str]:
    """The text after one edit each."""
    for number, at in enumerate(np.random.default_rng(5).integers(0, len(text), edits).tolist()):
        parts = (f"some more words {number}\n", text[at // 2], "")
        yield text[:at] + parts[number % 3] + text[at + (0, 1, 50)[number % 3] :]


def beheaded(text: str) -> Iterator[str]:
    """The text without more and more of its head."""
    return (text[at:] for at in np.random.default_rng(6).integers(1, len(text) // 3, heads))


def changed(rule: Rule, text: str, others: Iterator[str]) -> str:
    """Blocks of the others that the text does not have."""
    before = set(rule(text))
    found = [sum(block not in before for block in rule(other)) for other in others]
    return f"{np.mean(found):.1f} / {max(found)}"


def main() -> None:
    """Print a table: changed blocks, in the mean and at most."""
    print("| text | blocks | edit: line ends | content | head cut: line ends | content |")
    print("|---|---|---|---|---|---|")
    for name, text in texts():
        cells = [
            changed(rule, text, change(text))
            for change in (edited, beheaded)
            for rule in (by_line_ends, by_content)
        ]
        blocks = f"{len(by_line_ends(text))}, {len(by_content(text))}"
        print(f"| {name} | {blocks} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
