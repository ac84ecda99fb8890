"""The picture of a dataset's characters: whatever they are, they have a name below their bar."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from flows.lifecycle.profiling import profile_of
from flows.reporting.character_chart import character_chart_svg, label_of, most_bars
from flows.storage.datasets import tokenise

svg = "{http://www.w3.org/2000/svg}"


def drawn(text: str) -> ET.Element:
    """The picture, which is well-formed."""
    return ET.fromstring(character_chart_svg(profile_of(tokenise([text]))))


@pytest.mark.parametrize(
    ("character", "label"),
    [
        ("e", "e"), ("ß", "ß"), ("$", "$"), (" ", "space"), ("\n", "line feed"), ("\0", "NUL"),
        ("\x1b", "U+001B"), ("\u00a0", "U+00A0"), ("\u0301", "U+0301"), ("\u202e", "U+202E"),
        ("中", "中"), ("\U0001f9ff", "\U0001f9ff"), ("\ue000", "U+E000"), ("\u3000", "U+3000"),
    ],
)  # fmt: skip
def test_a_character_that_cannot_be_seen_has_a_name(character: str, label: str) -> None:
    assert label == label_of(character)


@pytest.mark.parametrize(
    "text", ["a", "<&>\"'</svg>", "\0\x1b\u202e\u0301 ab", "".join(map(chr, range(32, 900)))]
)
def test_any_text_can_be_drawn(text: str) -> None:
    """A bar for each of the most frequent characters, with its name."""
    picture = drawn(text)
    assert min(len(set(text)), most_bars) == len(picture.findall(f".//{svg}rect"))


def test_bars_are_as_high_as_their_characters_are_frequent() -> None:
    """By the same step for each power of ten."""
    picture = drawn("a" * 1000 + "b" * 100 + "c" * 10)
    labels = [str(title.text) for title in picture.iter(f"{svg}title")]
    assert ["a 1,000", "b 100", "c 10"] == labels
    first, second, third = (float(bar.attrib["height"]) for bar in picture.iter(f"{svg}rect"))
    assert first - second == pytest.approx(second - third, abs=0.2)
    assert 0 < third < second < first
