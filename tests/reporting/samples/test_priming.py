"""Priming texts: characters that the model does not know fail, are skipped, or give the nearest."""

from __future__ import annotations

from typing import Any

import pytest

from flows.exceptions import CorpusError
from flows.parameters import SamplingOptions
from flows.reporting.samples.priming import encode_primings
from flows.text import Vocabulary

letters = Vocabulary.of_text(" abcefinABÀ'Ｗ")


def primed(vocabulary: Vocabulary = letters, **options: Any) -> list[str]:
    """The texts that a network reads first."""
    return [
        vocabulary.decode(tokens)
        for tokens in encode_primings(vocabulary, SamplingOptions(**options))
    ]


def test_an_unknown_character_fails_with_its_position() -> None:
    """Of several texts the text is named too; the message says what else can be done."""
    with pytest.raises(
        CorpusError, match=r"the priming text has 'Q' \(U\+0051\) at position 2.*skip"
    ):
        primed(priming="abQ")
    with pytest.raises(CorpusError, match=r"priming text 2 of 3 has '道' .* at position 0"):
        primed(priming=("a", "道", "b"))


def test_unknown_characters_are_skipped() -> None:
    """A text of which nothing is left is refused."""
    assert ["ab", ""] == primed(priming=("aQb道", ""), unknown="skip")
    with pytest.raises(CorpusError, match="the priming text has no character that"):
        primed(priming="QQ", unknown="skip")


@pytest.mark.parametrize(
    ("given", "nearest"),
    [
        ("é", "e"),  # without accents
        ("C", "c"),  # in the other case
        ("É", "e"),  # both
        ("ａ", "a"),  # by width
        ("Ｃ", "c"),
        ("W", "Ｗ"),
        ("ﬁ", "fi"),
        ("\u3000", " "),
        ("ä", "a"),
    ],
)
def test_the_nearest_character_is_taken(given: str, nearest: str) -> None:
    """By Unicode's own tables."""
    assert [f"a{nearest}b"] == primed(priming=f"a{given}b", unknown="nearest")


def test_a_character_without_a_nearest_one_fails_with_its_position() -> None:
    """That of the text as it was given."""
    with pytest.raises(
        CorpusError, match=r"'道' \(U\+9053\) at position 2.*sampling.unknown to skip"
    ):
        primed(priming="ﬁa道", unknown="nearest")


@pytest.mark.parametrize("unknown", ["fail", "skip", "nearest"])
def test_bytes_take_every_text(unknown: str) -> None:
    """Each is known."""
    assert ["é道"] == primed(Vocabulary.of_bytes(), priming="é道", unknown=unknown)
