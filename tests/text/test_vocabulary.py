"""Characters are numbered by code point: the same on every machine and in every run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.exceptions import CorpusError
from flows.text import vocabulary as module
from flows.text.vocabulary import Vocabulary, slice_characters

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def of_size(size: int) -> Vocabulary:
    """A vocabulary of `size` characters without surrogates."""
    return Vocabulary("".join(map(chr, [*range(0xD800), *range(0xE000, 0xE000 + size)][:size])))


@given(texts, texts)
@settings(derandomize=True, deadline=None)
def test_a_vocabulary_has_each_character_once_by_code_point(first: str, second: str) -> None:
    """In whatever order they are in the texts."""
    characters = Vocabulary.of_text(first, second).characters

    assert sorted(set(first + second)) == list(characters)
    assert list(characters) == sorted(characters, key=ord)


@pytest.mark.parametrize("seed", ["0", "1", "31337"])
def test_the_order_does_not_depend_on_the_hash_seed(seed: str) -> None:
    """Another process, with another order of sets, gives the same numbers."""
    program = (
        "from flows.text.vocabulary import Vocabulary;"
        "print(ascii(Vocabulary.of_text('zażółć 🦊\\n gęślą 道').characters))"
    )
    environment = os.environ | {"PYTHONHASHSEED": seed}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )

    assert ascii("\n aglzóąćęłśż道🦊") == done.stdout.strip()


@pytest.mark.parametrize(
    ("size", "dtype"),
    [(2, "uint8"), (256, "uint8"), (257, "uint16"), (65536, "uint16"), (65537, "uint32")],
)
def test_tokens_have_the_smallest_type_that_fits(size: int, dtype: str) -> None:
    """At each limit the last character is still decoded."""
    vocabulary = of_size(size)
    tokens = vocabulary.encode(vocabulary.characters)

    assert dtype == vocabulary.dtype.name
    assert np.dtype(dtype) == tokens.dtype
    assert list(range(size)) == tokens.tolist()
    assert vocabulary.characters == vocabulary.decode(tokens)


@given(texts)
@settings(derandomize=True, deadline=None)
def test_tokens_are_decoded_to_the_same_text(text: str) -> None:
    """Encoding loses nothing, and tokens are indices into the vocabulary."""
    vocabulary = Vocabulary.of_text(text)
    tokens = vocabulary.encode(text)

    assert text == vocabulary.decode(tokens)
    assert [vocabulary.characters.index(character) for character in text] == tokens.tolist()


def test_a_text_of_several_slices_is_decoded_to_the_same_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The boundaries of slices have no effect."""
    monkeypatch.setattr(module, "slice_characters", 7)
    text = "the quick brown 🦊 jumps over the lazy 🐕\n" * 3
    vocabulary = Vocabulary.of_text(text)

    assert text == vocabulary.decode(vocabulary.encode(text))


@pytest.mark.parametrize("position", [0, 1, 5, slice_characters, 2 * slice_characters + 5])
@pytest.mark.parametrize("unknown", ["\x00", "b", "z", "🦊", "\udc80"])
def test_an_unknown_character_is_reported_with_its_position(position: int, unknown: str) -> None:
    """Below, between and above the known characters; also after the first slice."""
    vocabulary = Vocabulary("acx")
    expected = f"(U+{ord(unknown):04X}) at position {position},"

    with pytest.raises(CorpusError, match=r"^the priming text has ") as caught:
        vocabulary.encode("a" * position + unknown + "c" + unknown, "priming text")
    assert expected in str(caught.value)
    assert "3 characters, 'acx'" in str(caught.value)


def test_a_large_vocabulary_is_shortened_in_the_message() -> None:
    """It shows 120 characters, and how many there are."""
    with pytest.raises(CorpusError, match="5000 characters") as caught:
        of_size(5000).encode("🦊")
    assert len(str(caught.value)) < 1000


@given(texts)
@settings(derandomize=True, deadline=None)
def test_a_vocabulary_is_unchanged_by_json(text: str) -> None:
    """The stored list gives the same vocabulary."""
    vocabulary = Vocabulary.of_text(text)

    assert vocabulary == Vocabulary.from_list(json.loads(json.dumps(list(vocabulary.characters))))


@pytest.mark.parametrize(
    "content",
    [None, "ab", {"a": 0}, ["a", 1], ["ab"], ["a", ""], ["b", "a"], ["a", "a"], ["a", "\ud800"]],
    ids=repr,
)
def test_an_invalid_vocabulary_is_refused(content: Any) -> None:
    """Only single characters, each once and in order."""
    with pytest.raises(ValueError, match=r"single characters|code-point order|surrogate pair"):
        Vocabulary.from_list(content)
