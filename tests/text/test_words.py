"""Words and what repeats, compared with sets of plain Python."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flows.text import Vocabulary, joined
from flows.text.variety import distinct_words, repetition
from flows.text.words import letters_of, words_in
from rnncore import TokenRanges
from tests.support.texts import bundled

alphabets = ("a", "ab ", "aé1 -\n", "aж☃ \u0301ก็")
some_texts = st.sampled_from(alphabets).flatmap(
    lambda some: st.tuples(st.lists(st.text(some, max_size=40), max_size=4), st.text(some))
)
lighthouse = (bundled / "lighthouse.txt").read_text(encoding="utf-8")
of_all = Vocabulary.of_text("".join(alphabets), lighthouse)
letters = letters_of(of_all)


def words_of(text: str) -> list[str]:
    return re.findall(r"[\w\u0301\u0e47]+", text.replace("_", " "))


def joined_texts(texts: list[str]) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    return of_all.encode("".join(texts)), np.cumsum([len(text) for text in texts], dtype=np.int64)


def shares(counts: list[tuple[int, int]]) -> list[object]:
    return [pytest.approx(part / whole if whole else np.nan, nan_ok=True) for part, whole in counts]


def expected_words(texts: list[str], source: str) -> list[object]:
    known = set(words_of(source))
    words = [words_of(text) for text in texts]
    return shares([(sum(word in known for word in each), len(each)) for each in words])


@given(some_texts)
@settings(derandomize=True, deadline=None)
def test_words_are_found_where_they_stand_as_words(drawn: tuple[list[str], str]) -> None:
    texts, source = drawn
    tokens, ends = joined_texts(texts)
    assert expected_words(texts, source) == (
        words_in(tokens, ends, of_all.encode(source), letters).tolist()
    )


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_word_across_the_pieces_of_a_source_is_one(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joined, "piece", size)
    source = lighthouse[:3000]
    texts = [lighthouse[2000:5000], source[-40:], "light ligh lighthous", ""]
    tokens, ends = joined_texts(texts)
    assert expected_words(texts, source) == (
        words_in(tokens, ends, of_all.encode(source), letters).tolist()
    )


def test_more_words_than_are_looked_for_at_a_time_are_found() -> None:
    tokens, ends = joined_texts(["light", "zzz"])
    source = of_all.encode("a " * 20_000 + "light")
    assert [1.0, 0.0] == words_in(tokens, ends, source, letters).tolist()


def test_a_word_of_two_texts_does_not_count() -> None:
    tokens, ends = joined_texts(["a ligh", "t b"])
    assert [0.0, 0.0] == words_in(tokens, ends, of_all.encode("light"), letters).tolist()


def test_a_source_may_be_empty_or_of_ranges_of_a_file(tmp_path: Path) -> None:
    tokens, ends = joined_texts(["the light", "", "- -"])
    empty = of_all.encode("")
    assert shares([(0, 2), (0, 0), (0, 0)]) == words_in(tokens, ends, empty, letters).tolist()
    np.save(tmp_path / "tokens.npy", of_all.encode("a light, the ligh thelight"))
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    split = TokenRanges(mapped, np.array([[9, 17], [18, 19]]))  # "the ligh" and "t"
    assert 1.0 == words_in(tokens, ends, mapped, letters)[0]
    assert 1.0 == words_in(tokens, ends, split, letters)[0]


def test_letters_are_those_of_unicode_with_marks_and_digits() -> None:
    vocabulary = Vocabulary.of_text(" -_'aÉж中१²\u0301\u0e47☃🔦\n")
    is_letter = letters_of(vocabulary)
    assert "a²É\u0301ж१\u0e47中" == "".join(
        character
        for character, found in zip(vocabulary.characters, is_letter, strict=True)
        if found
    )


def test_letters_of_bytes_are_those_of_ascii_and_all_of_other_characters() -> None:
    vocabulary = Vocabulary.of_bytes()
    text = "naïve café, 中文 42!"
    tokens = vocabulary.encode(text)
    words = words_in(
        tokens, np.array([len(tokens)]), vocabulary.encode("42 café 中文"), letters_of(vocabulary)
    )
    assert [3 / 4] == words.tolist()
    assert 62 + 128 == letters_of(vocabulary).sum()


def test_a_token_that_the_letters_do_not_name_is_in_no_word() -> None:
    text, source = np.array([1, 200, 1], np.uint8), np.array([1], np.uint8)
    assert [1.0] == words_in(text, np.array([3]), source, np.array([False, True])).tolist()


@given(some_texts, st.integers(1, 3))
@settings(derandomize=True, deadline=None)
def test_different_words_are_those_of_a_set(drawn: tuple[list[str], str], n: int) -> None:
    texts = [*drawn[0], drawn[1]]
    grams = [list(zip(*(words_of(text)[k:] for k in range(n)), strict=False)) for text in texts]
    expected = shares([(len(set(each)), len(each)) for each in grams])
    assert expected == distinct_words(*joined_texts(texts), letters, n).tolist()


@given(some_texts, st.integers(1, 12))
@settings(derandomize=True, deadline=None)
def test_repetition_is_what_a_set_has_seen(drawn: tuple[list[str], str], length: int) -> None:
    texts = [*drawn[0], drawn[1]]
    windows = [[text[at : at + length] for at in range(len(text) - length + 1)] for text in texts]
    expected = shares([(len(each) - len(set(each)), len(each)) for each in windows])
    assert expected == repetition(*joined_texts(texts), length).tolist()


def test_repetition_is_of_ten_characters() -> None:
    texts = ["a" * 20, "abcdefghij", "abcdefghi", "", "abcdefghij" * 2]
    assert [10 / 11, 0.0, None, None, 1 / 11] == [
        None if np.isnan(share) else share for share in repetition(*joined_texts(texts))
    ]
