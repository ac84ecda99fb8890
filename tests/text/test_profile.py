"""The numbers of a text agree with those of plain Python, and depend on its content alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from math import log

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.text import Blocks
from flows.text import profile as counting
from flows.text.profile import (
    PairCounts,
    count_character,
    count_pairs,
    population_stability_index,
    repeated_lines,
)
from tests.support.texts import blocks_of, some_lines

files = st.lists(st.text("ab \n\rß☃😀", min_size=1, max_size=60), min_size=1, max_size=4)
texts = [*("".join(some_lines(60, seed)) for seed in (1, 2)), "a☃😀" * 2000]


def texts_of(blocks: Blocks) -> list[str]:
    return [blocks.vocabulary.decode(blocks.tokens[start:end]) for start, end in blocks.bounds]


def pairs_in_python(blocks: Blocks) -> Mapping[str, int]:
    return Counter(a + b for text in texts_of(blocks) for a, b in pairwise(text))


def as_mapping(counted: PairCounts) -> Mapping[str, int]:
    keys = counted.pairs.tolist()
    assert sorted(set(keys)) == keys
    names = [chr(key >> 21) + chr(key & (1 << 21) - 1) for key in keys]
    return dict(zip(names, counted.counts.tolist(), strict=True))


def index_in_python(old: Mapping[str, int], new: Mapping[str, int]) -> float:
    index = 0.0
    pairs = old.keys() | new.keys()
    for pair in pairs:
        p = (old.get(pair, 0) + 0.5) / (sum(old.values()) + len(pairs) / 2)
        q = (new.get(pair, 0) + 0.5) / (sum(new.values()) + len(pairs) / 2)
        index += (q - p) * log(q / p)
    return index


def repeated_in_python(blocks: Blocks) -> float:
    seen: set[str] = set()
    before = lines = 0
    for line in (line for text in texts_of(blocks) for line in text.split("\n")):
        if line and not line.isspace():
            before, lines = before + (line in seen), lines + 1
            seen.add(line)
    return before / lines if lines else 0


@given(files)
def test_counts_are_those_of_plain_python(contents: list[str]) -> None:
    blocks = blocks_of(*contents)
    assert pairs_in_python(blocks) == as_mapping(count_pairs(blocks))
    assert repeated_in_python(blocks) == pytest.approx(repeated_lines(blocks))
    assert "".join(contents).count("☃") == count_character(blocks, "☃")


@pytest.mark.parametrize("largest_table", [0, 2048])
def test_pairs_are_the_same_for_every_size_of_vocabulary_and_text(
    largest_table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "largest_table", largest_table)
    monkeypatch.setattr(counting, "blocks_at_once", 3)
    blocks = blocks_of(*texts)
    assert 6 < len(blocks)
    assert pairs_in_python(blocks) == as_mapping(count_pairs(blocks))


@pytest.mark.parametrize("largest_table", [0, 2048])
def test_no_blocks_have_no_pairs_and_no_lines(
    largest_table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "largest_table", largest_table)
    blocks = blocks_of("ab\n")
    none = blocks.without(blocks.digests)
    assert {} == as_mapping(count_pairs(none))
    assert 0 == repeated_lines(none) == count_character(none, "a")
    assert 0 == population_stability_index(count_pairs(none), count_pairs(none))


@given(files, files)
def test_the_index_is_that_of_plain_python(one: list[str], other: list[str]) -> None:
    """Also where the texts have different vocabularies."""
    old, new = blocks_of(*one), blocks_of(*other)
    expected = index_in_python(pairs_in_python(old), pairs_in_python(new))
    found = population_stability_index(count_pairs(old), count_pairs(new))
    assert expected == pytest.approx(found, abs=1e-12)


@given(files, files)
def test_the_index_is_symmetric_and_0_for_equal_counts(one: list[str], other: list[str]) -> None:
    old, new = count_pairs(blocks_of(*one)), count_pairs(blocks_of(*other))
    assert population_stability_index(old, new) == population_stability_index(new, old) >= 0
    assert 0 == population_stability_index(old, old)


@given(files)
def test_the_order_of_the_files_changes_nothing(contents: list[str]) -> None:
    one, other = blocks_of(*contents), blocks_of(*reversed(contents))
    assert as_mapping(count_pairs(one)) == as_mapping(count_pairs(other))
    assert repeated_lines(one) == repeated_lines(other)


def test_characters_that_do_not_occur_change_nothing() -> None:
    """A part of a text has the vocabulary of all of it."""
    alone, both = blocks_of(texts[0]), blocks_of(texts[0], "ŻŹĆ☃" * 600)
    part = both.select(both.bounds[:, 1] <= len(texts[0]))
    assert as_mapping(count_pairs(alone)) == as_mapping(count_pairs(part))


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "one\ntwo\nthree\n"),
        (1 / 2, "one\none\n"),
        (3 / 4, "one\none\none\none"),
        (1 / 3, "one\r\n\r\n  \n\n\r\none\r\ntwo\r\n"),
        (0, "one\n one\nOne\n"),
        (0, "\n\n\n \n"),
    ],
)
def test_a_line_is_repeated_where_it_occurred_before_and_is_not_blank(
    share: float, text: str
) -> None:
    assert share == pytest.approx(repeated_lines(blocks_of(text)))
