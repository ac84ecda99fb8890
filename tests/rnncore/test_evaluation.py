"""Evaluation gives the mean loss of the notebook's forward pass over each unit of the text."""

from __future__ import annotations

import math
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from benchmarks.notebook import loss_fun
from rnncore import (
    Hyperparameters,
    InvalidTokens,
    Parameters,
    bits_per_character,
    kernels,
    nats_of_characters,
    nats_per_character,
    network,
    read,
    restrict,
)
from rnncore.kernels import forward, inference
from tests.support.networks import contracting_network, notebook_weights

unit_lengths = some.lists(some.sampled_from([0, 1, 2, 3, 30, 31, 70]), min_size=1, max_size=40)


def nats_unit_by_unit(
    parameters: Parameters, tokens: NDArray[np.integer], lengths: list[int]
) -> list[float]:
    """The loss of each unit of at least two tokens, by the notebook's loop from a state of zeros."""
    weights, start = notebook_weights(parameters), np.zeros((parameters.hidden_size, 1))
    units = np.split(tokens, np.cumsum(lengths)[:-1])
    texts = [unit.tolist() for unit in units if len(unit) > 1]
    return [loss_fun(weights, text[:-1], text[1:], start)[0] for text in texts]


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    H=some.sampled_from([1, 8, 30, 64]),
    V=some.integers(2, 40),
    length=some.sampled_from([2, 3, 255, 256, 257, 258, 600]),
    dtype=some.sampled_from(["float32", "float64"]),
    seed=some.integers(0, 1000),
)
def test_the_loss_is_that_of_the_notebook_over_one_long_sequence(
    H: int, V: int, length: int, dtype: str, seed: int
) -> None:
    """The hidden state is carried from the given one through the whole text, without a reset."""
    rng = np.random.default_rng(seed)
    parameters = contracting_network(H, V, dtype, seed=seed)
    tokens, hidden = rng.integers(0, V, length), rng.uniform(-1, 1, H).astype(dtype)
    weights = notebook_weights(parameters)
    text, column = tokens.tolist(), hidden.astype(np.float64)[:, None]
    loss, _, _ = loss_fun(weights, text[:-1], text[1:], column)
    _, _, last = loss_fun(weights, text, text, column)
    tolerance = 1e-10 if dtype == "float64" else 1e-5
    nats = nats_per_character(parameters, tokens, hidden)

    assert pytest.approx(loss / (length - 1), rel=tolerance) == nats
    np.testing.assert_allclose(read(parameters, tokens, hidden), last[:, 0], atol=tolerance)


@settings(derandomize=True, max_examples=25, deadline=None)
@given(
    H=some.sampled_from([1, 8, 30]),
    V=some.integers(2, 40),
    lengths=unit_lengths.filter(lambda lengths: max(lengths) > 1),
    dtype=some.sampled_from(["float32", "float64"]),
    seed=some.integers(0, 1000),
)
def test_each_unit_is_read_from_a_state_of_zeros(
    H: int, V: int, lengths: list[int], dtype: str, seed: int
) -> None:
    """The mean over all characters but the first of each unit; shorter units count nothing."""
    parameters = contracting_network(H, V, dtype, seed=seed)
    tokens = np.random.default_rng(seed).integers(0, V, sum(lengths))
    nats = nats_unit_by_unit(parameters, tokens, lengths)
    expected = sum(nats) / sum(length - 1 for length in lengths if length) / math.log(2)

    tolerance = 1e-10 if dtype == "float64" else 1e-5
    found = bits_per_character(parameters, tokens, np.cumsum(lengths))
    assert pytest.approx(expected, rel=tolerance) == found


@pytest.mark.parametrize("length", [300, 2048, 2049, 2050, 5000])
def test_a_text_without_units_is_cut_into_pieces(length: int) -> None:
    """At multiples of 2,048 tokens; a last piece of one token counts nothing."""
    parameters = contracting_network(8, 5)
    tokens = np.random.default_rng(length).integers(0, 5, length)
    pieces = [len(tokens[at : at + 2048]) for at in range(0, length, 2048)]
    nats, predicted = nats_unit_by_unit(parameters, tokens, pieces), length - len(pieces)

    found = bits_per_character(parameters, tokens)
    assert pytest.approx(sum(nats) / predicted / math.log(2), rel=1e-10) == found
    if length == 2049:
        assert bits_per_character(parameters, tokens[:-1]) == found


def test_one_unit_is_one_continuous_text() -> None:
    """The same bits as the text from a hidden state of zeros."""
    parameters, tokens = contracting_network(16, 40), np.arange(5000) * 7 % 40

    expected = nats_per_character(parameters, tokens) / math.log(2)
    assert expected == bits_per_character(parameters, tokens, [5000])


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    H=some.sampled_from([1, 20, 33]),
    lengths=unit_lengths.filter(lambda lengths: max(lengths) > 1),
    units=some.sampled_from([1, 2, 3, 5, 64]),
    rows=some.sampled_from([64, 65, 1000]),
    threads=some.sampled_from([1, 2, 3]),
    dtype=some.sampled_from(["float32", "float64"]),
)
def test_how_a_text_is_read_changes_no_bit(
    H: int, lengths: list[int], units: int, rows: int, threads: int, dtype: str
) -> None:
    """Units side by side, rows of a window, threads: each unit has the bits that it has alone."""
    parameters, ends = contracting_network(H, 12, dtype), np.cumsum(lengths)
    tokens = np.random.default_rng(sum(lengths)).integers(0, 12, sum(lengths))
    pieces = np.split(tokens, ends[:-1])
    alone = [kernels.nats_of_units(parameters, p, np.array([len(p)])) for p in pieces if len(p) > 1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "most_units", units)
        patch.setattr(inference, "threads_for", lambda _: threads)
        patch.setattr(forward, "rows_at_once", rows)
        together = kernels.nats_of_units(parameters, tokens, ends)
        bits = bits_per_character(parameters, tokens, ends)

    assert np.concatenate(alone).tolist() == together[np.array(lengths) > 1].tolist()
    assert 0 == together[np.array(lengths) <= 1].sum()
    assert bits_per_character(parameters, tokens, ends) == bits


def test_a_text_on_disk_is_not_copied(tmp_path: Path) -> None:
    """The memory that evaluation takes does not grow with a memory-mapped text."""
    path = tmp_path / "tokens.npy"
    np.save(path, np.zeros(1_000_000, np.uint16))
    parameters, tokens = contracting_network(1, 2), np.load(path, mmap_mode="r")
    tracemalloc.start()
    bits_per_character(parameters, tokens)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < tokens.nbytes / 4


def test_ends_that_do_not_fit_the_text_are_refused() -> None:
    """Beyond the text, before its end, descending, or with nothing to predict."""
    parameters, tokens = contracting_network(2, 3), np.zeros(4, np.int64)
    for ends in ([], [3], [5], [3, 2, 4], [-1, 4]):
        with pytest.raises(InvalidTokens, match="must ascend to 4"):
            bits_per_character(parameters, tokens, ends)
    with pytest.raises(InvalidTokens, match="a unit of at least 2 tokens"):
        bits_per_character(parameters, tokens, [1, 2, 3, 4])


@pytest.mark.parametrize("V", [2, 8, 66])
def test_a_uniform_guess_costs_the_binary_logarithm_of_the_vocabulary_size(V: int) -> None:
    """A network without weights gives each of V characters the probability 1 / V."""
    uniform = contracting_network(5, V).zeros_like()

    assert pytest.approx(math.log2(V)) == bits_per_character(uniform, np.arange(50) % V)


def test_the_type_of_the_tokens_does_not_change_the_result() -> None:
    """The same bits for each width and byte order of integers."""
    parameters, tokens = contracting_network(16, 40), np.arange(300) * 7 % 40
    kinds = (np.uint8, np.int8, np.uint16, np.int32, ">i4", np.uint64)

    assert len({bits_per_character(parameters, tokens.astype(kind)) for kind in kinds}) == 1


def test_reading_an_empty_text_keeps_the_hidden_state() -> None:
    """As with an empty priming text; the default hidden state is zero."""
    parameters, hidden = contracting_network(4, 3), np.linspace(-1, 1, 4)
    nothing = np.zeros(0, np.int64)

    np.testing.assert_array_equal(read(parameters, nothing, hidden), hidden)
    np.testing.assert_array_equal(read(parameters, nothing), 0)


def test_scores_of_10_000_do_not_overflow() -> None:
    """A target with a score 10,000 below the largest costs 10,000 nats, not infinity."""
    parameters = contracting_network(2, 3, "float32").zeros_like()
    parameters.by[:] = 1e4, 0, -1e4

    assert pytest.approx(1e4) == nats_per_character(parameters, np.array([0, 1]))


def test_tokens_that_cannot_be_evaluated_are_refused() -> None:
    """Fewer than two tokens, a matrix, or a token outside the vocabulary."""
    parameters = contracting_network(2, 3)
    for short in (np.zeros(0, np.int64), np.zeros(1, np.int64), np.zeros((2, 2), np.int64)):
        with pytest.raises(InvalidTokens, match="at least 2 tokens"):
            bits_per_character(parameters, short)
    for outside in (-1, 3):
        with pytest.raises(InvalidTokens, match="from 0 to 2"):
            bits_per_character(parameters, np.array([0, outside]))


@pytest.mark.parametrize(
    "tokens",
    [np.array([0.0, 1.0]), np.array([0, 10**8]), np.array([-5000, 0])],
    ids=["floats", "beyond the vocabulary", "negative"],
)
def test_invalid_tokens_are_refused_before_the_kernels_run(tokens: NDArray[np.integer]) -> None:
    """The kernels do not check their tokens, so one outside would read beyond an array."""
    parameters = Parameters.initial(5, Hyperparameters(hidden_size=4), seed=0)

    for function in (bits_per_character, read):
        with pytest.raises(InvalidTokens, match="tokens must be"):
            function(parameters, tokens)


def test_a_hidden_state_of_another_type_or_size() -> None:
    """It is converted to the type of the network; another size is refused."""
    parameters = Parameters.initial(5, Hyperparameters(hidden_size=4, dtype="float64"), seed=0)
    half = np.full(4, 0.5, np.float32)

    tokens = np.array([0, 1])
    assert (
        read(parameters, tokens, half.astype(np.float64)).tolist()
        == read(parameters, tokens, half).tolist()
    )
    with pytest.raises(InvalidTokens, match=r"must have shape \(4,\), not \(3,\)"):
        read(parameters, tokens, half[:3])


def test_nats_of_characters_add_up_to_those_of_their_units() -> None:
    options = Hyperparameters(hidden_size=20)
    parameters = Parameters.initial(9, options, seed=3)
    tokens = np.random.default_rng(3).integers(0, 9, 5000)
    ends = np.array([1, 700, 700, 2500, 2501, 5000])
    nats = nats_of_characters(parameters, tokens, ends)
    assert not nats[[0, 1, 700, 2500, 2501]].any()
    expected = kernels.nats_of_units(parameters, tokens, ends)
    found = [piece.sum() for piece in np.split(nats, ends)[:-1]]
    np.testing.assert_allclose(expected, found, rtol=1e-12)
    assert math.isclose(
        bits_per_character(parameters, tokens, ends) * (5000 - 5) * math.log(2), nats.sum()
    )


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_restricted_network_predicts_as_one_whose_probabilities_are_renormalised(
    dtype: str,
) -> None:
    parameters = Parameters.initial(9, Hyperparameters(hidden_size=20, dtype=dtype), seed=3)
    tokens, ends = np.random.default_rng(3).integers(0, 9, 300), np.array([100, 300])
    known = np.arange(9) % 3 != 1
    nats = nats_of_characters(restrict(parameters, known), tokens, ends)
    for start, end in ((0, 100), (100, 300)):
        hs = network.forward(parameters, tokens[start : end - 1, None], np.zeros((1, 20), dtype))
        ys = (hs[1:, 0] @ parameters.Why.T + parameters.by).astype(float)
        for t, y in enumerate(ys, start + 1):
            if known[tokens[t]]:
                expected = np.log(np.exp(y[known]).sum()) - y[tokens[t]]
                assert math.isclose(expected, nats[t], rel_tol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_each_unit_starts_with_its_own_hidden_state(dtype: str) -> None:
    """As each alone does, to the last bit, whatever it is read beside; units may be empty."""
    lengths = np.random.default_rng(1).integers(0, 90, 100)
    rng, ends = np.random.default_rng(2), np.cumsum(lengths)
    parameters, tokens = contracting_network(20, 9, dtype), rng.integers(0, 9, ends[-1])
    hidden = rng.uniform(-1, 1, (100, 20)).astype(dtype)
    nats = nats_of_characters(parameters, tokens, ends, hidden)
    for number, unit in enumerate(np.split(tokens, ends[:-1])):
        if len(unit) > 1:
            alone = nats_of_characters(parameters, unit, [len(unit)], hidden[number : number + 1])
            assert alone.tolist() == nats[ends[number] - len(unit) : ends[number]].tolist()
            mean = nats_per_character(parameters, unit, hidden[number])
            assert pytest.approx(mean * (len(unit) - 1)) == alone.sum()
    zeros = nats_of_characters(parameters, tokens, ends, np.zeros((100, 20), dtype))
    assert zeros.tolist() == nats_of_characters(parameters, tokens, ends).tolist()
    assert zeros.tolist() != nats.tolist()


def test_hidden_states_that_are_not_one_for_each_unit_are_refused() -> None:
    """Another number of them, or of their elements."""
    parameters, tokens = contracting_network(4, 3), np.zeros(6, np.int64)
    for shape in ((1, 4), (3, 4), (2, 3), (8,)):
        with pytest.raises(InvalidTokens, match=r"shape \(2, 4\), not"):
            nats_of_characters(parameters, tokens, [3, 6], np.zeros(shape))
