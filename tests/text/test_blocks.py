"""Blocks are chosen, ordered and joined by their content."""

from __future__ import annotations

import hashlib

import numpy as np

from flows.storage.datasets import tokenise
from flows.text import Blocks, split
from tests.support.texts import blocks_of, some_text


def text_of(blocks: Blocks) -> str:
    return blocks.vocabulary.decode(blocks.joined())


def sha256(text: str) -> int:
    """Its first eight bytes, as a number."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:16], 16)


def test_all_blocks_joined_are_the_text() -> None:
    text = some_text(7)
    assert text == text_of(blocks_of(text))


def test_a_block_is_named_by_its_text_and_not_by_the_vocabulary() -> None:
    text = some_text(3)
    alone, with_others = blocks_of(text), blocks_of(text, "ŻŹĆ☃" * 600)
    assert alone.digests.tolist() == with_others.digests[: len(alone)].tolist()
    assert [sha256(text[start:end]) for start, end in alone.bounds] == alone.digests.tolist()


def test_the_order_by_digest_does_not_depend_on_the_order_of_the_files() -> None:
    one, other = some_text(4, seed=1), some_text(4, seed=2)
    expected = blocks_of(one, other).by_digest()
    assert sorted(expected.digests.tolist()) == expected.digests.tolist()
    assert text_of(expected) == text_of(blocks_of(other, one).by_digest())


def test_blocks_of_another_text_are_left_out() -> None:
    old, new = some_text(4, seed=1), some_text(5, seed=2)
    both = blocks_of(old, new)
    assert new == text_of(both.without(blocks_of(old).digests))
    assert 0 == len(both.without(both.digests))
    assert "" == text_of(both.without(both.digests))


def test_the_first_blocks_have_at_most_the_characters_asked_for_but_one_is_always_taken() -> None:
    blocks = blocks_of(some_text(6))
    first, second = blocks.lengths[:2]
    assert [1, 1, 2] == [
        len(blocks.first(most)) for most in (1, first + second - 1, first + second)
    ]
    assert 6 <= len(blocks.first(10**9))


def test_interleaved_training_text_has_the_same_blocks_in_another_order() -> None:
    dataset = tokenise([some_text(6, seed=1), some_text(6, seed=2)])
    division = dataset.divide(0.2, "content")
    as_given, interleaved = split(division), split(division, interleaved=True)
    assert text_of(division.training.by_digest()) == dataset.vocabulary.decode(
        interleaved.training[:]
    )
    assert as_given.training[:].tolist() != interleaved.training[:].tolist()
    np.testing.assert_array_equal(np.sort(as_given.training[:]), np.sort(interleaved.training[:]))
    np.testing.assert_array_equal(as_given.held_out[:], interleaved.held_out[:])
