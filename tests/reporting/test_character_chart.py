"""The picture of a dataset's characters: whatever they are, they have a name below their bar."""

from __future__ import annotations

import io
import warnings

import pytest
from matplotlib.image import imread

from flows.lifecycle.profiling import profile_of
from flows.reporting.character_chart import character_chart_png, label_of
from flows.reporting.curve import load_fonts
from flows.storage.datasets import tokenise


@pytest.mark.parametrize(
    ("character", "label"),
    [
        ("e", "e"), ("ß", "ß"), ("$", "$"), (" ", "space"), ("\n", "line feed"), ("\0", "NUL"),
        ("\x1b", "U+001B"), ("\u00a0", "U+00A0"), ("\u0301", "U+0301"), ("\u202e", "U+202E"),
        ("中", "U+4E2D"), ("\U0001f9ff", "U+1F9FF"), ("\ue000", "U+E000"),
    ],
)  # fmt: skip
def test_a_character_that_cannot_be_shown_has_a_name(character: str, label: str) -> None:
    """Those of control, those that change others, and those that the font lacks."""
    assert label == label_of(character, load_fonts())


@pytest.mark.parametrize(
    "text", ["a", "$x^2$ \\frac $ _{", "\0\x1b\u202e\u0301 ab", "".join(map(chr, range(32, 900)))]
)
def test_any_text_can_be_drawn(text: str) -> None:
    """Nothing in it is taken for a formula, and no glyph is missing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        png = character_chart_png(profile_of(tokenise([text])))

    assert 3 == imread(io.BytesIO(png)).ndim
