"""Entropies agree with those of plain Python, however the text is kept and cut."""

from __future__ import annotations

import itertools
from collections import Counter
from math import log2
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.text import Vocabulary, mapped, sequence_tables
from flows.text.entropy import Entropy, measure
from tests.support.texts import bundled

alphabets = ("ab", "ab \nß☃😀", "".join(map(chr, range(0x4E00, 0x4E00 + 3000))))
texts = st.sampled_from(alphabets).flatmap(lambda some: st.text(some, min_size=1, max_size=200))
lines = (bundled / "lighthouse.txt").read_text(encoding="utf-8")


def in_python(blocks: list[str], order: int) -> float | None:
    """Bits per character given the `order` before it; None where no block is long enough."""
    followed = Counter(
        (block[at - order : at], block[at]) for block in blocks for at in range(order, len(block))
    )
    contexts: Counter[str] = Counter()
    for (context, _), count in followed.items():
        contexts[context] += count
    total = followed.total()
    shares = [n / total * log2(contexts[c] / n) for (c, _), n in followed.items()]
    return sum(shares) if shares else None


def measured(
    text: str, sample: list[tuple[int, int]] | None = None, vocabulary: Vocabulary | None = None
) -> dict[int, Entropy]:
    vocabulary = vocabulary or Vocabulary.of_text(text)
    tokens = vocabulary.encode(text)
    bounds = None if sample is None else np.array(sample, np.int64).reshape(-1, 2)
    counts, found = measure(tokens, len(vocabulary), bounds)
    assert [text.count(each) for each in vocabulary.characters] == counts.tolist()
    return {entropy.order: entropy for entropy in found}


def assert_same(blocks: list[str], found: dict[int, Entropy], *orders: int) -> None:
    expected = {order: in_python(blocks, order) for order in orders}
    assert {k: pytest.approx(v, abs=1e-9) for k, v in expected.items() if v is not None} == (
        {order: found[order].bits for order in orders if order in found}
    )


@given(texts)
@settings(derandomize=True, deadline=None)
def test_entropies_of_a_whole_text_are_those_of_plain_python(text: str) -> None:
    assert_same([text], measured(text), 0, 1, 2, 3)


@given(texts, st.sets(st.integers(0, 200)))
@settings(derandomize=True, deadline=None)
def test_a_sample_is_read_block_by_block(text: str, cuts: set[int]) -> None:
    """Orders 0 and 1 are of the whole text, and no sequence crosses from a block to the next."""
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(text)), len(text)]
    sample = [part for part in itertools.pairwise(places) if part[0] % 3]
    found = measured(text, sample)

    assert_same([text], found, 0, 1)
    assert_same([text[start:end] for start, end in sample], found, 2, 3)
    assert {True} == {found[order].is_exact for order in found if order < 2}
    assert not {True} & {found[order].is_exact for order in found if order >= 2}


@pytest.mark.parametrize("size", [2, 60, 256, 257, 3000, 5000])
def test_entropies_are_the_same_for_every_size_of_vocabulary(size: int) -> None:
    """Tokens of one byte and of two, pairs in a table of all and in one that is hashed."""
    points = np.random.default_rng(size).zipf(1.2, 5000) % size
    text = "".join(map(chr, points + 0x4E00))
    vocabulary = Vocabulary("".join(map(chr, range(0x4E00, 0x4E00 + size))))

    assert_same([text], measured(text, vocabulary=vocabulary), 0, 1, 2, 3)


def set_limits(monkeypatch: pytest.MonkeyPatch, **limits: int) -> None:
    """Of the tables, so low that a small text goes beyond them."""
    low = {"group_characters": 16, "smallest_table": 128, "buckets": 64, "most_keys": 5000}
    for name, value in {**low, **limits}.items():
        monkeypatch.setattr(sequence_tables, name, value)
    monkeypatch.setattr(mapped, "piece_characters", 1000)


@pytest.mark.parametrize("widest", [0, 11])
@pytest.mark.parametrize("largest", [256, 2048, 1 << 20])
def test_memory_is_bounded_and_the_result_the_same(
    widest: int, largest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More sequences than the largest table holds are counted in several passes."""
    limits = {"largest_table": largest, "widest_pairs": widest, "most_in_32_bits": widest}
    set_limits(monkeypatch, most_partitions=64, **limits)
    cuts = [0, *range(700, len(lines), 1777), len(lines)]
    sample = list(itertools.pairwise(cuts))

    assert len(Counter(zip(*(lines[k:] for k in range(4)), strict=False))) > 2048
    assert_same([lines], measured(lines), 0, 1, 2, 3)
    assert_same([lines[start:end] for start, end in sample], measured(lines, sample), 2, 3)


def test_order_1_says_when_it_is_of_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    """A text with so many different pairs that it would take too many passes."""
    set_limits(monkeypatch, largest_table=128, widest_pairs=0, most_partitions=1)
    found = measured(lines[:20_000], [(100, 400)])

    assert not found[1].is_exact
    assert 300 == found[1].characters
    assert_same([lines[100:400]], found, 1, 2, 3)


def test_a_text_of_one_repeated_character_has_nothing_to_learn() -> None:
    assert [0.0] * 4 == [found.bits for found in measured("a" * 5000).values()]


def test_orders_that_a_text_is_too_short_for_are_left_out() -> None:
    assert [[], [0], [0, 1], [0, 1, 2]] == [list(measured("abc"[:n])) for n in range(4)]


def test_tokens_may_be_mapped_from_a_file(tmp_path: Path) -> None:
    """Their memory is given back while they are read, and they stay what they are."""
    vocabulary = Vocabulary.of_text(lines)
    tokens = vocabulary.encode(lines * 5)
    np.save(tmp_path / "tokens.npy", tokens)
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    size = len(vocabulary)

    assert measure(tokens, size)[1] == measure(mapped, size)[1]
    assert measure(tokens[1000:], size)[1] == measure(mapped[1000:], size)[1]
    np.testing.assert_array_equal(tokens, mapped)
