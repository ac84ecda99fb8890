"""Held-out text is chosen by its content, so that it stays held out in every later corpus."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.storage.datasets import Dataset, load, tokenise
from flows.storage.stores import Store
from flows.text import SplitMethod
from flows.text.blocks import Blocks, longest_block, shortest_block
from tests.support.states import stored
from tests.support.texts import make_text, some_text

line_lengths = st.lists(st.sampled_from([0, 1, 40, 900, 1023, 1024, 2047, 3000]), min_size=1)
shares = st.floats(0.01, 0.99)


def blocks_of(dataset: Dataset) -> list[str]:
    """The text of each block."""
    text = dataset.vocabulary.decode(dataset.tokens)
    return [text[start:end] for start, end in bounds_of(dataset)]


def bounds_of(dataset: Dataset) -> list[tuple[int, int]]:
    """Start and end of each block."""
    blocks = Blocks.of_text(dataset.tokens, dataset.vocabulary, dataset.file_ends)
    return [(start, end) for start, end in blocks.bounds.tolist()]


def texts_of(dataset: Dataset, share: float) -> tuple[str, str]:
    """Training and held-out text, split by content."""
    training, held_out, _ = dataset.split(share, "content")
    return dataset.vocabulary.decode(training[:]), dataset.vocabulary.decode(held_out[:])


def fraction(block: str) -> float:
    """SHA-256 as a fraction of the largest, computed independently."""
    return int(hashlib.sha256(block.encode()).hexdigest(), 16) / 2**256


@given(st.lists(line_lengths, min_size=1, max_size=3))
@settings(derandomize=True, deadline=None)
def test_blocks_end_at_a_line_end_between_the_bounds(files: list[list[int]]) -> None:
    """At the first line end after the shortest length, at the longest, or at a file's end."""
    texts = [make_text(lengths, seed) for seed, lengths in enumerate(files)]
    dataset = tokenise([*texts, "z"])
    for block, (_, end) in zip(blocks_of(dataset), bounds_of(dataset), strict=True):
        assert 0 < len(block) <= longest_block
        if len(block) < longest_block and end not in dataset.file_ends:
            assert len(block) > shortest_block
            assert block.endswith("\n")
        assert "\n" not in block[shortest_block:-1]


@given(st.lists(line_lengths, min_size=1, max_size=3))
@settings(derandomize=True, deadline=None)
def test_blocks_cover_each_file_in_order(files: list[list[int]]) -> None:
    """Nothing is left out, and no block crosses from one file to the next."""
    texts = [make_text(lengths, seed) for seed, lengths in enumerate(files)]
    dataset = tokenise(["zz", *texts])
    bounds = bounds_of(dataset)

    assert 0 == bounds[0][0]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert set(dataset.file_ends) <= {end for _, end in bounds}


def test_a_text_without_line_ends_is_cut_at_the_longest_block() -> None:
    """One long line is divided as well."""
    dataset = tokenise(["ab" * 2500])

    assert [(0, 2048), (2048, 4096), (4096, 5000)] == bounds_of(dataset)


@given(st.integers(2, 12), shares, st.integers(0, 5))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_training_and_held_out_text_are_all_the_text_in_order(
    blocks: int, share: float, seed: int
) -> None:
    """Each block is in one of the two, both keep the order, and neither is empty."""
    dataset = tokenise([some_text(blocks, seed)])
    training, held_out = texts_of(dataset, share)
    for block in blocks_of(dataset):
        if held_out.startswith(block):
            held_out = held_out.removeprefix(block)
        else:
            assert training.startswith(block)
            training = training.removeprefix(block)

    assert ("", "") == (training, held_out)


@given(st.integers(2, 12), shares, st.integers(0, 5))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_at_least_one_block_is_held_out_and_never_all(blocks: int, share: float, seed: int) -> None:
    """There is always something to train on, and something to evaluate on."""
    training, held_out = texts_of(tokenise([some_text(blocks, seed)]), share)

    assert training
    assert held_out


@given(st.integers(2, 12), shares, st.integers(0, 5))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_block_is_held_out_when_its_digest_is_under_the_share(
    blocks: int, share: float, seed: int
) -> None:
    """Anyone can compute which blocks those are; if it is all or none, one block is moved."""
    dataset = tokenise([some_text(blocks, seed)])
    found = blocks_of(dataset)
    expected = [block for block in found if fraction(block) < share] or [min(found, key=fraction)]
    if len(expected) == len(found):
        expected.remove(max(found, key=fraction))

    assert "".join(expected) == texts_of(dataset, share)[1]


@given(st.integers(8, 12), st.floats(0.3, 0.7), st.lists(st.integers(1, 5), max_size=3))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_a_block_stays_held_out_when_files_are_appended(
    blocks: int, share: float, later: list[int]
) -> None:
    """No held-out text is trained on later, and no training text is held out later."""
    text = some_text(blocks)
    before = texts_of(tokenise([text]), share)
    after = texts_of(tokenise([text, *(some_text(more, 9) for more in later)]), share)

    assert 0 < len(before[1]) < len(text)
    assert after[0].startswith(before[0])
    assert after[1].startswith(before[1])


def test_a_share_of_zero_holds_nothing_out() -> None:
    """All text is trained on."""
    dataset = tokenise([some_text(4)])
    methods: tuple[SplitMethod, ...] = ("content", "tail")
    for method in methods:
        training, held_out, _ = dataset.split(0, method)

        np.testing.assert_array_equal(dataset.tokens, training)
        assert 0 == len(held_out)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
def test_the_tail_is_the_end_of_the_text(share: float) -> None:
    """Benchmarks hold out the last part, in one piece."""
    dataset = tokenise([some_text(4)])
    training, held_out, _ = dataset.split(share, "tail")

    assert round(len(dataset.tokens) * share) == len(held_out)
    np.testing.assert_array_equal(dataset.tokens, np.concatenate([training, held_out]))


@given(st.lists(line_lengths, min_size=1, max_size=3), shares)
@settings(derandomize=True, deadline=None, max_examples=50)
def test_the_ends_of_held_out_blocks_cut_the_held_out_text(
    files: list[list[int]], share: float
) -> None:
    """Into exactly the blocks that are held out: evaluation reads one after another."""
    texts = [make_text(lengths, seed) for seed, lengths in enumerate(files)]
    dataset = tokenise([*texts, "z"])
    _, held_out, ends = dataset.split(share, "content")
    pieces = [dataset.vocabulary.decode(piece) for piece in np.split(held_out[:], ends)]

    assert "" == pieces.pop()
    assert all(piece in blocks_of(dataset) for piece in pieces)


def test_a_held_out_tail_is_cut_at_the_longest_block() -> None:
    """As long pieces as there are in a text without line ends."""
    ends = [tokenise(["ab" * half]).split(0.5, "tail").block_ends for half in (5000, 2048, 1)]

    assert [[2048, 4096, 5000], [2048], [1]] == [found.tolist() for found in ends]


def test_a_text_of_one_block_is_split_at_its_tail() -> None:
    """One block cannot be on both sides of the split."""
    dataset = tokenise(["some words\n" * 20])
    training, held_out, _ = dataset.split(0.1, "content")

    assert (198, 22) == (len(training), len(held_out))
    np.testing.assert_array_equal(dataset.tokens, np.concatenate([training, held_out]))


def test_blocks_that_are_all_the_same_leave_something_to_train_on() -> None:
    """Equal blocks have equal digests, but still both texts have some."""
    dataset = tokenise([("a" * 1024 + "\n") * 3] * 2)
    for share in (0.01, 0.99):
        training, held_out, _ = dataset.split(share, "content")

        assert len(training) > 0
        assert len(held_out) > 0


def test_the_split_of_a_stored_dataset_is_the_same(store: Store) -> None:
    """Memory-mapped tokens are split like those in memory."""
    dataset = stored(store, some_text(5))
    expected = dataset.split(0.4, "content")
    loaded = load(store, dataset.manifest.dataset_id).split(0.4, "content")

    np.testing.assert_array_equal(expected.training, loaded.training)
    np.testing.assert_array_equal(expected.held_out, loaded.held_out)
    np.testing.assert_array_equal(expected.block_ends, loaded.block_ends)
