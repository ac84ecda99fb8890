"""Two models on one text: what is scored, how the difference is averaged, and how sure it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.lifecycle.comparison import (
    Side,
    compare,
    errors_needed,
    grown,
    piece_ends,
    ratio,
)
from flows.lifecycle.promotion import nothing
from flows.storage.datasets import tokenise
from flows.storage.payload import Payload
from flows.text import Blocks, Vocabulary
from rnncore import Hyperparameters, TrainingState, bits_per_character, network, train
from tests.support.texts import some_text

options = Hyperparameters(hidden_size=12)


def blocks_of(text: str) -> Blocks:
    dataset = tokenise([text])
    return dataset.blocks()


def model(text: str, iterations: int, characters: str = "") -> Payload:
    """A model that was trained on a text for a while."""
    vocabulary = Vocabulary.of_text(text, characters)
    state = TrainingState.initial(len(vocabulary), options, seed=0)
    train(state, vocabulary.encode(text), iterations)
    return Payload(state, vocabulary)


def of_bits(candidate: Payload, other: Payload, text: str, most: int = 10**6) -> tuple[float, ...]:
    """Bits per character of both, and the gain, on a text that neither was trained on."""
    found = compare(
        "new", 3, blocks_of(text), Side(candidate, nothing), Side(other, nothing), most, seed=0
    )
    assert found
    return found.bits_per_character, found.other_bits_per_character, found.gain


def test_with_one_vocabulary_the_bits_are_those_of_an_evaluation_by_blocks() -> None:
    text, held_out = some_text(20, seed=1), some_text(15, seed=2)
    better, worse = model(text, 500), model(text, 20)
    blocks = blocks_of(held_out).by_digest()
    tokens = better.vocabulary.places_of(blocks.vocabulary)[blocks.joined()]
    expected = [
        bits_per_character(each.state.parameters, tokens, blocks.ends) for each in (better, worse)
    ]
    mine, theirs, gain = of_bits(better, worse, held_out)
    np.testing.assert_allclose(expected, [mine, theirs], rtol=1e-9)
    assert math.isclose(theirs - mine, gain)
    assert gain > 0
    assert math.isclose(-gain, of_bits(worse, better, held_out)[2])


def test_the_gain_is_the_same_whatever_the_order_of_the_text() -> None:
    one, other = some_text(6, seed=1), some_text(6, seed=2)
    models = model(one, 300), model(one, 20)
    dataset, turned = tokenise([one, other]), tokenise([other, one])
    found = [
        compare("new", 0, d.blocks(), Side(models[0], nothing), Side(models[1], nothing), 10**6, 0)
        for d in (dataset, turned)
    ]
    assert found[0] == found[1]


def test_blocks_that_one_of_them_was_trained_on_are_left_out() -> None:
    old, new = some_text(12, seed=1), some_text(12, seed=2)
    both, models = tokenise([old, new]).blocks(), (model(old, 50), model(old, 20))
    seen = blocks_of(old).digests
    expected = compare(
        "new", 0, blocks_of(new), Side(models[0], nothing), Side(models[1], nothing), 10**6, 0
    )
    for sides in (
        (Side(models[0], seen), Side(models[1], nothing)),
        (Side(models[0], nothing), Side(models[1], seen)),
    ):
        assert expected == compare("new", 0, both, *sides, 10**6, 0)
    assert (
        compare("new", 0, blocks_of(old), Side(models[0], seen), Side(models[1], nothing), 10**6, 0)
        is None
    )


def test_characters_that_one_does_not_know_are_read_but_not_scored() -> None:
    """Scored is a renormalised distribution over the characters that both know."""
    text = some_text(12, seed=1)
    with_new = text.replace("e", "é").replace("\n", "\nж", 3)
    candidate, champion = model(with_new, 100, text), model(text, 100)
    blocks = blocks_of(with_new)
    found = compare(
        "new", 0, blocks, Side(candidate, nothing), Side(champion, nothing), 10**6, seed=0
    )
    assert found
    vocabulary = candidate.vocabulary
    ordered = blocks.by_digest()
    known = champion.vocabulary.knows(vocabulary)
    nats, scored, unknown = 0.0, 0, 0
    p = grown(champion, vocabulary, seed=0)
    for start, end in ordered.bounds:
        tokens = vocabulary.places_of(blocks.vocabulary)[ordered.tokens[start:end]].astype(int)
        hs = network.forward(p, tokens[:-1, None], np.zeros((1, 12), np.float32))
        ys = (hs[1:, 0] @ p.Why.T + p.by).astype(float)
        for y, token in zip(ys, tokens[1:], strict=True):
            if known[token]:
                nats += math.log(np.exp(y[known]).sum()) - y[token]
                scored += 1
            else:
                unknown += 1
    assert (scored, unknown / (scored + unknown)) == (found.characters, found.unknown_share)
    assert math.isclose(nats / scored / math.log(2), found.other_bits_per_character, rel_tol=1e-5)
    assert found.unknown_bits_per_character
    assert found.other_unknown_bits_per_character
    assert found.other_unknown_bits_per_character > 9.9  # a share of 0.001, over its characters
    assert found.unknown_bits_per_character < found.other_unknown_bits_per_character


def test_few_blocks_are_cut_into_pieces_that_are_read_as_their_block() -> None:
    text = some_text(3)
    blocks = blocks_of(text)
    ends = piece_ends(blocks)
    assert {256} >= set(np.diff(ends, prepend=0)) - {int(length) % 256 for length in blocks.lengths}
    assert set(blocks.ends) <= set(ends)
    many = blocks_of(some_text(12))
    np.testing.assert_array_equal(many.ends, piece_ends(many))
    models = model(text, 100), model(text, 20)
    tokens = blocks.by_digest().joined()
    expected = bits_per_character(models[0].state.parameters, tokens, blocks.by_digest().ends)
    assert math.isclose(expected, of_bits(*models, text)[0], rel_tol=1e-9)


def test_only_as_much_is_read_as_is_allowed() -> None:
    text = some_text(20)
    models = model(text, 50), model(text, 20)
    sides = Side(models[0], nothing), Side(models[1], nothing)
    found = compare("new", 0, blocks_of(text), *sides, 5000, 0)
    assert found
    assert 3000 < found.characters < 5000


@given(st.lists(st.tuples(st.floats(-50, 50), st.integers(1, 2000)), min_size=2, max_size=50))
@settings(derandomize=True, deadline=None)
def test_the_standard_error_is_that_of_a_ratio(pieces: list[tuple[float, int]]) -> None:
    """By the textbook, piece by piece."""
    differences, counts = (np.array(column, float) for column in zip(*pieces, strict=True))
    value, error = ratio(differences, counts)
    n, total = len(pieces), sum(count for _, count in pieces)
    expected = sum(difference for difference, _ in pieces) / total
    squares = sum((d - expected * c) ** 2 for d, c in pieces)
    assert math.isclose(expected, value, abs_tol=1e-12)
    assert error is not None
    assert math.isclose(math.sqrt(squares * n / (n - 1)) / total, error, abs_tol=1e-12)


def test_the_standard_error_is_the_spread_of_many_samples() -> None:
    """Of a gain over blocks drawn again and again."""
    rng = np.random.default_rng(1)
    counts = rng.integers(1000, 2000, (2000, 60)).astype(float)
    differences = counts * rng.normal(0.02, 0.1, counts.shape)
    found = [ratio(d, c) for d, c in zip(differences, counts, strict=True)]
    spread = np.std([value for value, _ in found])
    assert math.isclose(float(np.mean([error for _, error in found])), spread, rel_tol=0.05)


def test_a_single_piece_has_no_error() -> None:
    assert (0.5, None) == ratio(np.array([1.0, 0.0]), np.array([2.0, 0.0]))


@pytest.mark.parametrize("sample", range(2, 30))
def test_few_pieces_need_students_quantile(sample: int) -> None:
    """The density, integrated up to it, leaves 2.5 % above."""
    n = sample - 1
    constant = math.gamma((n + 1) / 2) / math.sqrt(n * math.pi) / math.gamma(n / 2)
    x = np.linspace(0, errors_needed(sample), 200_001)
    density = constant * (1 + x * x / n) ** (-(n + 1) / 2)
    below = 0.5 + float(((density[1:] + density[:-1]) / 2 * np.diff(x)).sum())
    assert math.isclose(0.975, below, abs_tol=5e-5)


def test_many_pieces_need_two_standard_errors() -> None:
    assert {2.0} == {errors_needed(sample) for sample in (30, 31, 10**6)}
