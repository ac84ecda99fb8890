"""Texts drawn with what each character costs, from some of the likeliest characters alone."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from rnncore import (
    Drawn,
    InvalidHyperparameter,
    InvalidTokens,
    Parameters,
    draw,
    nats_of_characters,
    nats_per_character,
    read,
    sample_batch,
)
from rnncore.kernels import inference
from tests.support.networks import contracting_network

Texts = tuple[Parameters, NDArray[np.floating], NDArray[np.int64], NDArray[np.float64]]
dtypes = some.sampled_from(["float32", "float64"])
shares = some.sampled_from([1e-300, 0.05, 0.3, 0.9, 1 - 1e-16, 1.0])
numbers = some.sampled_from([1, 2, 7, 40, 10**6, None])
options = some.fixed_dictionaries({"top_k": numbers, "top_p": shares})


def texts(H: int, V: int, streams: int, length: int, dtype: str, seed: int) -> Texts:
    """Arguments of `draw`: a network, hidden states, first tokens and random numbers."""
    rng = np.random.default_rng(seed)
    network = contracting_network(H, V, dtype, seed=seed)
    hidden = rng.uniform(-1, 1, (streams, H)).astype(dtype)
    return network, hidden, rng.integers(0, V, streams), rng.random((streams, length))


def biased(scores: list[float], dtype: str = "float64") -> Parameters:
    """A network whose scores are always these."""
    parameters = contracting_network(1, max(2, len(scores)), dtype).zeros_like()
    parameters.by = np.array(scores, dtype)
    if len(scores) == 1:  # such a network cannot be trained, but it can be drawn from
        parameters.Wxh, parameters.Why = parameters.Wxh[:, :1], parameters.Why[:1]
    return parameters


def drawn_from(scores: list[float], count: int = 64, dtype: str = "float64", **more: Any) -> Drawn:
    """One token for each of `count` random numbers at equal distances."""
    uniforms = (np.arange(count)[:, None] + 0.5) / count
    hidden, firsts = np.zeros((count, 1), dtype), np.zeros(count, np.int64)
    return draw(biased(scores, dtype), hidden, firsts, uniforms, **more)


def kept(
    scores: NDArray[np.floating], temperature: float, top_k: int | None, top_p: float
) -> NDArray[np.float64]:
    """Probabilities by the definition: sort, cut at `top_k`, then at `top_p`; the rest has 0."""
    y = scores.astype(np.float64) / temperature
    order = np.argsort(-y, kind="stable")[:top_k]
    e = np.exp(y[order] - y[order[0]])
    last = int(np.argmax(np.cumsum(e) >= top_p * e.sum())) if top_p < 1 else len(e) - 1
    found = np.zeros(len(y))
    found[order[: last + 1]] = e[: last + 1] / e[: last + 1].sum()
    return found


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    V=some.integers(1, 40),
    equal=some.booleans(),
    top_k=some.sampled_from([None, 1, 2, 5, 39, 1000]),
    top_p=some.sampled_from([1e-300, 0.05, 0.31, 0.5, 0.87, 1.0]),
    temperature=some.sampled_from([1e-3, 0.4, 1.0, 3.0, 1e30]),
    dtype=dtypes,
    seed=some.integers(0, 1000),
)
def test_tokens_are_drawn_from_the_likeliest_in_the_proportions_of_their_probabilities(
    V: int, equal: bool, top_k: int | None, top_p: float, temperature: float, dtype: str, seed: int
) -> None:
    """Against the definition, also where many scores are equal; 4,096 numbers at equal distances."""
    rng = np.random.default_rng(seed)
    scores = (rng.integers(-2, 2, V) + 0.0 if equal else rng.normal(0, 3, V)).astype(dtype)
    expected = kept(scores, temperature, top_k, top_p)
    found = drawn_from(
        scores.tolist(), 4096, dtype, top_k=top_k, top_p=top_p, temperature=temperature
    )
    counts = np.bincount(found.tokens[:, 0], minlength=V)

    assert not counts[expected == 0].any()
    np.testing.assert_allclose(counts / 4096, expected, atol=1.5 / 4096)


def test_of_equal_scores_the_lower_tokens_are_taken() -> None:
    """Three have the largest score; `top_k` cuts through them, then `top_p` through what is left."""
    scores = [0.0, 2.0, 1.0, 2.0, 2.0, 0.0]

    def tokens(**more: Any) -> set[int]:
        return {*drawn_from(scores, **more).tokens.flat}

    assert tokens(top_k=1) == {1}
    assert tokens(top_k=2) == {1, 3}
    assert tokens(top_k=5) == {0, 1, 2, 3, 4}
    assert tokens(top_k=2, top_p=0.5) == {1}
    assert tokens(top_k=2, top_p=0.51) == {1, 3}
    assert tokens(top_p=0.2) == {1}
    assert tokens(temperature=0) == {1}
    assert tokens(temperature=0, top_k=5, top_p=0.9) == {1}


@pytest.mark.parametrize(
    ("top_p", "count"), [(0.1, 1), (0.3, 3), (0.31, 4), (0.5, 5), (1 - 1e-16, 10), (1, 10)]
)
def test_a_share_of_equally_likely_characters_is_exact(top_p: float, count: int) -> None:
    """Ten of them: three have 0.3 together, and for a little more a fourth is needed."""
    assert {*drawn_from([0.5] * 10, top_p=top_p).tokens.flat} == {*range(count)}


@settings(derandomize=True, max_examples=30, deadline=None)
@given(
    H=some.sampled_from([1, 20, 33]),
    V=some.integers(2, 40),
    streams=some.integers(1, 20),
    length=some.integers(1, 20),
    cut=some.integers(0, 20),
    options=options,
    dtype=dtypes,
    seed=some.integers(0, 1000),
)
def test_a_text_is_the_same_in_slices_alone_and_with_others(
    H: int, V: int, streams: int, length: int, cut: int, options: Any, dtype: str, seed: int
) -> None:
    """Tokens, nats and the last hidden state, to the last bit; each text has its temperature."""
    parameters, hidden, firsts, uniforms = texts(H, V, streams, length, dtype, seed)
    temperatures = np.random.default_rng(seed).uniform(0, 2, streams)
    temperatures[0], temperatures[-1] = 0, 1
    both = {"temperature": temperatures, **options}
    whole = draw(parameters, hidden, firsts, uniforms, **both)
    cut = min(cut, length)
    start = draw(parameters, hidden, firsts, uniforms[:, :cut], **both)
    last = start.tokens[:, -1] if cut else firsts
    rest = draw(parameters, start.hidden, last, uniforms[:, cut:], **both)

    assert np.hstack([start.tokens, rest.tokens]).tolist() == whole.tokens.tolist()
    assert np.hstack([start.nats, rest.nats]).tolist() == whole.nats.tolist()
    assert rest.hidden.tolist() == whole.hidden.tolist()
    for n in range(streams):
        row = slice(n, n + 1)
        one = {"temperature": float(temperatures[n]), **options}
        alone = draw(parameters, hidden[row], firsts[row], uniforms[row], **one)
        assert [array[n].tolist() for array in whole] == [array[0].tolist() for array in alone]


@pytest.mark.parametrize(("threads", "at_once"), [(1, 1), (1, 3), (2, 2), (3, 256), (9, 256)])
def test_threads_and_how_many_are_drawn_side_by_side_change_no_bit(
    threads: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = texts(33, 70, 7, 30, "float32", 5)
    expected = draw(*arguments, top_k=20, top_p=0.9)
    monkeypatch.setattr(inference, "threads_for", lambda _: threads)
    monkeypatch.setattr(inference, "most_texts", at_once)
    found = draw(*arguments, top_k=20, top_p=0.9)

    assert [array.tolist() for array in expected] == [array.tolist() for array in found]


@settings(derandomize=True, max_examples=20, deadline=None)
@given(
    V=some.integers(2, 40),
    temperature=some.sampled_from([0.0, 0.3, 1.0, 2.0]),
    options=options,
    dtype=dtypes,
    seed=some.integers(0, 1000),
)
def test_nats_are_those_of_the_text_under_the_network_itself(
    V: int, temperature: float, options: Any, dtype: str, seed: int
) -> None:
    """Whatever it was drawn with: the same bits as reading the text; and the state goes on."""
    parameters, hidden, firsts, uniforms = texts(20, V, 3, 25, dtype, seed)
    drawn = draw(parameters, hidden, firsts, uniforms, temperature=temperature, **options)
    for n in range(3):
        text = np.concatenate([firsts[n : n + 1], drawn.tokens[n]])
        mean = nats_per_character(parameters, text, hidden[n])
        assert pytest.approx(mean, rel=1e-12) == drawn.nats[n].mean()
        assert read(parameters, text[:-1], hidden[n]).tolist() == drawn.hidden[n].tolist()
    column = np.hstack([firsts[:, None], drawn.tokens])
    read_again = nats_of_characters(parameters, column.reshape(-1), [26, 52, 78], hidden)
    assert read_again.reshape(3, 26)[:, 1:].tolist() == drawn.nats.tolist()


def test_as_many_as_there_are_and_all_probability_change_nothing() -> None:
    """`top_k` of V and more and `top_p` of 1 give the tokens that are drawn without them."""
    arguments = texts(20, 30, 5, 40, "float32", 2)
    plain = draw(*arguments, temperature=0.8)
    for top_k in (30, 31, 10**9):
        found = draw(*arguments, temperature=0.8, top_k=top_k, top_p=1)
        assert plain.tokens.tolist() == found.tokens.tolist()
    rngs = [np.random.default_rng(n) for n in range(5)]
    parameters, hidden, firsts, _ = arguments
    uniforms = np.array([np.random.default_rng(n).random(9) for n in range(5)])
    batch = sample_batch(parameters, hidden, firsts, 9, rngs=rngs, top_k=3, top_p=0.8)
    assert batch.tolist() == draw(
        parameters, hidden, firsts, uniforms, top_k=3, top_p=0.8
    ).tokens.tolist()  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [5e-324, 1e-320, 1e-46, 1e-45, 1e-40, 1e-38])
def test_the_smallest_temperatures_take_the_likeliest_character(
    temperature: float, dtype: str
) -> None:
    """Also those that float32 cannot hold; scores differ by little, and nothing is NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drawn_from([0.5, 1.0, 1.0 + 1e-6, -3.0], dtype=dtype, temperature=temperature)
        limited = drawn_from([0, 1, 2], dtype=dtype, temperature=temperature, top_k=2, top_p=0.7)

    assert {*found.tokens.flat} == {2}
    assert {*limited.tokens.flat} == {2}
    assert np.isfinite(found.nats).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [1e30, 1e38, 3.5e38, 1e300])
def test_the_highest_temperatures_draw_evenly(temperature: float, dtype: str) -> None:
    """Without overflow; the three likeliest are still the three with the largest scores."""
    scores = [-40.0, 3.0, 40.0, 0.0, -1.0]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = drawn_from(scores, 50, dtype, temperature=temperature)
        three = drawn_from(scores, 60, dtype, temperature=temperature, top_k=3)
        half = drawn_from(scores, 60, dtype, temperature=temperature, top_p=0.6)

    assert np.bincount(found.tokens[:, 0]).tolist() == [10] * 5
    assert np.bincount(three.tokens[:, 0]).tolist() == [0, 20, 20, 20]
    assert np.bincount(half.tokens[:, 0]).tolist() == [0, 20, 20, 20]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("first", [1.0, -1.0, 0.0, 1e-40])
def test_scores_that_are_next_to_each_other_are_told_apart(first: float, dtype: str) -> None:
    """Nine neighbouring floats in a mixed order: as many of the largest as there should be."""
    scores, limit = [np.array(first, dtype)], np.array(np.inf, dtype)
    while len(scores) < 9:
        scores.append(np.nextafter(scores[-1], limit))
    mixed = [float(scores[n * 4 % 9]) for n in range(9)]
    largest_first = np.argsort(-np.array(mixed))
    for count in range(1, 10):
        expected = {*largest_first[:count]}
        assert expected == {*drawn_from(mixed, dtype=dtype, top_k=count).tokens.flat}
        share = (count - 0.5) / 9
        assert expected == {*drawn_from(mixed, dtype=dtype, top_p=share).tokens.flat}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_scores_of_any_size_are_cut_without_overflow(dtype: str) -> None:
    """Scores whose sum float32 cannot hold; equal ones at 0; steps towards 0 by halves."""
    large = [-3e38, 3e38, 2.9e38, -3e38]
    assert {*drawn_from(large, dtype=dtype, top_k=2).tokens.flat} == {1}
    assert {*drawn_from([0.0] * 6, dtype=dtype, top_k=4).tokens.flat} == {0, 1, 2, 3}
    assert {*drawn_from([0.0, -0.0, 0.0], dtype=dtype, top_k=2).tokens.flat} == {0, 1}
    halves = [2.0**-n for n in range(100, 0, -1)]
    assert {*drawn_from(halves, dtype=dtype, top_k=60).tokens.flat} <= {*range(40, 100)}


def test_a_character_that_is_cut_off_is_not_drawn_by_a_random_number_of_0() -> None:
    """0 draws the first that has a probability, and the largest number the last one."""
    parameters, hidden = biased([0.0, 1.0, 5.0, 1.0]), np.zeros((2, 1))
    uniforms = np.array([[0.0], [1 - 2**-53]])
    for dtype in ("float32", "float64"):
        parameters.by = parameters.by.astype(dtype)
        drawn = draw(parameters, hidden, np.array([0, 0]), uniforms, top_k=2)
        assert drawn.tokens.tolist() == [[1], [2]]


def test_the_likeliest_of_20_000_characters() -> None:
    """A large vocabulary is cut like a small one."""
    scores = np.random.default_rng(0).normal(0, 3, 20_000).astype(np.float32)
    expected = kept(scores, 1.0, 50, 0.8)
    tokens = drawn_from(scores.tolist(), 4096, "float32", top_k=50, top_p=0.8).tokens
    counts = np.bincount(tokens[:, 0], minlength=20_000)

    np.testing.assert_allclose(counts / 4096, expected, atol=1.5 / 4096)


def test_sizes_may_be_zero_and_arguments_keep_their_values() -> None:
    """Without random numbers nothing is drawn, and the hidden state is the given one."""
    parameters, hidden, firsts, uniforms = texts(20, 12, 2, 5, "float64", 0)
    before = hidden.copy(), firsts.copy(), uniforms.copy()
    draw(parameters, hidden, firsts, uniforms, top_k=3)
    nothing = draw(parameters, hidden, firsts, uniforms[:, :0])
    nobody = draw(parameters, hidden[:0], firsts[:0], uniforms[:0])

    for given_one, kept_one in zip((hidden, firsts, uniforms), before, strict=True):
        np.testing.assert_array_equal(given_one, kept_one)
    assert (nothing.tokens.shape, nothing.nats.shape) == ((2, 0), (2, 0))
    np.testing.assert_array_equal(nothing.hidden, hidden)
    assert [array.shape for array in nobody] == [(0, 5), (0, 5), (0, 20)]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("temperature", value) for value in (-1.0, -1e-300, math.nan, math.inf)],
        *[("temperature", np.array(values)) for values in ([1.0, math.nan], [1.0, 1.0, 1.0])],
        *[("top_k", value) for value in (0, -1, 2.5, True, math.nan)],
        *[("top_p", value) for value in (0, 0.0, -0.1, 1.0000001, 2, math.nan, math.inf)],
    ],
)
def test_options_outside_their_bounds_are_refused_by_name(name: str, value: Any) -> None:
    parameters, hidden, firsts, uniforms = texts(4, 5, 2, 3, "float32", 0)
    with pytest.raises(InvalidHyperparameter, match=f"^{name} must be"):
        draw(parameters, hidden, firsts, uniforms, **{name: value})


def test_random_numbers_that_do_not_fit_are_refused() -> None:
    """A row for each text; another number of rows or of dimensions."""
    parameters, hidden, firsts, uniforms = texts(4, 5, 2, 3, "float32", 0)
    for wrong in (uniforms[:1], uniforms[0], uniforms[None]):
        with pytest.raises(InvalidTokens, match="random numbers"):
            draw(parameters, hidden, firsts, wrong)
    with pytest.raises(InvalidTokens, match="hidden of shape"):
        draw(parameters, hidden[:, :3], firsts, uniforms)
    with pytest.raises(InvalidTokens, match="from 0 to 4"):
        draw(parameters, hidden, firsts + 5, uniforms)
