"""Both backends train as the notebook does, and training in parts gives the same bytes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from rnncore import (
    Arithmetic,
    Hyperparameters,
    InvalidTokens,
    TrainingDiverged,
    TrainingState,
    iterations_per_epoch,
    kernels,
    train,
)
from rnncore.streams import split_streams
from rnncore.training import Backend
from tests.support.networks import bytes_of, difference, notebook_of

Tokens = NDArray[np.uint8]
backends: tuple[Backend, ...] = ("compiled", "numpy")
both = pytest.mark.parametrize("backend", backends)
token_types = [np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32, np.int64]


def start(V: int, *, seed: int = 0, **options: object) -> TrainingState:
    """An initial state, by default in float64."""
    named = {"dtype": "float64", **options}
    return TrainingState.initial(V, Hyperparameters(**named), seed=seed)  # type: ignore[arg-type]


@both
def test_a_hundred_iterations_agree_with_the_notebook_within_1e_8(
    english: Tokens, backend: Backend
) -> None:
    """Losses, smooth loss, position, weights, sums, hidden state; then 700 within 1e-7."""
    state = start(int(english.max()) + 1)
    notebook = notebook_of(state, english[:3000])
    for iterations, tolerance in ((100, 1e-8), (600, 1e-7)):
        losses = train(state, english[:3000], iterations, backend)
        notebook.run(iterations)

        np.testing.assert_allclose(losses, notebook.losses[-iterations:], rtol=0, atol=tolerance)
        assert pytest.approx(notebook.smooth_loss, abs=tolerance) == state.smooth_loss
        assert notebook.position == state.position
        assert tolerance > difference(state, notebook)
    assert notebook.resets == [0, 299, 598]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    H=some.sampled_from([1, 3, 8, 17, 40, 64]),
    V=some.integers(2, 40),
    T=some.integers(1, 12),
    B=some.integers(1, 12),
    dtype=some.sampled_from(["float32", "float64"]),
    token_type=some.sampled_from(token_types),
    seed=some.integers(0, 1000),
)
def test_any_shape_agrees_with_the_notebook(
    H: int, V: int, T: int, B: int, dtype: str, token_type: type[np.integer], seed: int
) -> None:
    """Both backends, with a reset, for all types of floats and tokens."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, V, B * (3 * T + 2)).astype(token_type)
    tolerance = 1e-10 if dtype == "float64" else 2e-4
    for backend in backends:
        state = start(V, hidden_size=H, seq_length=T, batch_size=B, dtype=dtype, seed=seed)
        notebook = notebook_of(state, tokens)
        notebook.run(7)
        losses = train(state, tokens, 7, backend)

        np.testing.assert_allclose(losses, notebook.losses, rtol=tolerance, atol=tolerance)
        assert notebook.position == state.position
        assert difference(state, notebook) < 100 * tolerance


@pytest.mark.parametrize(("H", "B"), [(100, 33), (128, 64)])
def test_a_large_batch_agrees_with_the_reference(english: Tokens, H: int, B: int) -> None:
    """Large enough for threads, and for sums that are computed in blocks."""
    states = [start(80, hidden_size=H, seq_length=12, batch_size=B) for _ in backends]
    losses = [train(s, english, 12, b) for s, b in zip(states, backends, strict=True)]

    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-11)
    for compiled, reference in zip(states[0].adagrad, states[1].adagrad, strict=True):
        np.testing.assert_allclose(compiled, reference, rtol=1e-7, atol=1e-12)


@both
def test_position_is_reset_when_the_notebook_resets_it(backend: Backend) -> None:
    """Exactly before an iteration with position + seq_length + 1 >= length."""
    cases = {6: [4, 4, 4], 9: [4, 4, 4], 10: [4, 8, 4], 13: [4, 8, 4], 14: [4, 8, 12]}
    for length, positions in cases.items():
        state, seen = start(3, hidden_size=2, seq_length=4, batch_size=2), []
        for _ in positions:
            train(state, np.arange(2 * length + 1, dtype=np.uint8) % 3, 1, backend)
            seen.append(state.position)

        assert positions == seen


@both
def test_the_hidden_state_is_reset_with_the_position(backend: Backend) -> None:
    """The first iteration of an epoch does not depend on the hidden state before it."""
    tokens = np.arange(13, dtype=np.uint8) % 3
    ends = []
    for hidden in (0.0, 0.9):
        state = start(3, hidden_size=2, seq_length=4)
        state.position = 8
        state.hidden[:] = hidden
        train(state, tokens, 1, backend)
        ends.append(bytes_of(state))

    assert ends[0] == ends[1]


@both
def test_the_smooth_loss_starts_at_a_uniform_guess(backend: Backend) -> None:
    """ln(V) × seq_length, then 0.999 × old + 0.001 × new."""
    state = start(5, hidden_size=3, seq_length=4)
    assert math.log(5) * 4 == state.smooth_loss
    losses = train(state, np.arange(40, dtype=np.uint8) % 5, 1, backend)

    assert math.log(5) * 4 * 0.999 + losses[0] * 0.001 == state.smooth_loss


@both
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("B", [1, 5])
def test_training_in_parts_gives_the_same_bytes(
    english: Tokens, backend: Backend, dtype: str, B: int
) -> None:
    """7 + 13 + 80 iterations equal 100, for any type and alignment of the tokens."""
    whole, in_parts = (start(80, hidden_size=20, batch_size=B, dtype=dtype) for _ in range(2))
    losses = train(whole, english[:2000], 100, backend)
    parts = []
    for n, (iterations, token_type) in enumerate([(7, np.uint16), (13, np.int64), (80, np.uint8)]):
        room = np.zeros(2000 + n, token_type)
        room[n:] = english[:2000]
        parts.append(train(in_parts, room[n:], iterations, backend))

    np.testing.assert_array_equal(np.concatenate(parts), losses)
    assert bytes_of(whole) == bytes_of(in_parts)


@pytest.mark.parametrize("B", [1, 2, 7, 20])
def test_threads_do_not_change_a_byte(
    english: Tokens, monkeypatch: pytest.MonkeyPatch, B: int
) -> None:
    """One, two or three threads, also if a thread has fewer streams than others, or none."""
    ends = []
    for threads in (1, 2, 3):
        monkeypatch.setattr(
            "rnncore.kernels.training.workers_for", lambda _, threads=threads: threads
        )
        state = start(80, hidden_size=30, batch_size=B, seq_length=40, dtype="float32")
        train(state, english, 20)
        ends.append(bytes_of(state))

    assert ends[0] == ends[1] == ends[2]


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("lanes", [8, 16])
def test_every_arithmetic_agrees_with_the_reference(
    english: Tokens, *, lanes: int, transposed: bool
) -> None:
    """Vectors of any width, also of two registers; weights as they are or transposed copies."""
    state, reference = (start(80, hidden_size=40, batch_size=9, dtype="float32") for _ in range(2))
    losses = np.empty(30)
    streams = split_streams(english, state)
    done = kernels.train(state, streams, losses, lanes=lanes, transposed=transposed)

    assert 30 == done
    np.testing.assert_allclose(losses, train(reference, english, 30, "numpy"), rtol=1e-4)
    np.testing.assert_allclose(state.parameters.Whh, reference.parameters.Whh, atol=1e-4)
    np.testing.assert_allclose(state.parameters.Why, reference.parameters.Why, atol=1e-4)


def test_a_run_keeps_its_bytes_only_with_its_arithmetic(english: Tokens) -> None:
    """Parts give the bytes of the whole, and another order of additions does not."""
    mine, other = (Arithmetic.of_first_version(options_of(9))), Arithmetic.fastest(options_of(9))
    whole, parts, mixed = (start(80, batch_size=9, dtype="float32") for _ in range(3))
    train(whole, english, 40, arithmetic=mine)
    for state, second in ((parts, mine), (mixed, other)):
        train(state, english, 20, arithmetic=mine)
        train(state, english, 20, arithmetic=second)

    assert bytes_of(whole) == bytes_of(parts)
    assert bytes_of(whole) != bytes_of(mixed)


def test_new_runs_use_transposed_copies_for_batches_only() -> None:
    """With one stream the copies cost more than they save."""
    assert not Arithmetic.fastest(options_of(1)).transposed
    assert Arithmetic.fastest(options_of(64)).transposed
    assert not Arithmetic.of_first_version(options_of(64)).transposed


@pytest.mark.parametrize("lanes", [0, 1, 3, 12, 32])
def test_a_vector_that_no_register_holds_is_refused(english: Tokens, lanes: int) -> None:
    """The state stays as it was."""
    state = start(80, dtype="float32")
    before = bytes_of(state)

    with pytest.raises(ValueError, match=f"a vector of {lanes} float32 does not fit"):
        train(state, english, 1, arithmetic=Arithmetic(lanes, transposed=False))
    assert before == bytes_of(state)


def options_of(batch_size: int) -> Hyperparameters:
    """A network in float32."""
    return Hyperparameters(batch_size=batch_size)


def test_tokens_may_be_a_read_only_memory_map(english: Tokens, tmp_path: Path) -> None:
    """As in the flows, which map the file of tokens."""
    np.save(tmp_path / "tokens.npy", english)
    mapped, plain = start(80, hidden_size=8), start(80, hidden_size=8)
    train(mapped, np.load(tmp_path / "tokens.npy", mmap_mode="r"), 20)
    train(plain, english, 20)

    assert bytes_of(plain) == bytes_of(mapped)


@both
def test_divergence_stops_before_the_update(english: Tokens, backend: Backend) -> None:
    """The state is that after the last iteration with a finite loss."""
    state = start(80, hidden_size=8, dtype="float32")
    train(state, english, 5, backend)
    state.parameters.bh[2] = math.nan
    before = bytes_of(state)
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="smaller") as caught:
        train(state, english, 5, backend)

    assert before == bytes_of(state)
    assert caught.value.iteration == 5
    assert not math.isfinite(caught.value.loss)


@both
def test_the_error_names_a_learning_rate_that_is_too_large(
    english: Tokens, backend: Backend
) -> None:
    """After a step of 1e38 the scores overflow, and an iteration soon stops."""
    state = start(80, hidden_size=8, dtype="float32", learning_rate=1e38)
    with np.errstate(all="ignore"), pytest.raises(TrainingDiverged, match="learning_rate 1e"):
        train(state, english, 50, backend)

    assert 0 < state.iteration < 50


@both
def test_softmax_does_not_overflow_in_training(backend: Backend) -> None:
    """A target with a score 10,000 below the largest gives a loss of 10,000."""
    state = start(3, hidden_size=2, seq_length=2, dtype="float32")
    state.parameters.by[:] = 1e4, 0, 0
    losses = train(state, np.array([0, 0, 1, 0, 0], np.uint8), 1, backend)

    assert pytest.approx(1e4, rel=1e-3) == losses[0]
    assert state.parameters.is_finite()


def test_both_backends_clip_each_element(english: Tokens) -> None:
    """With a clip of 1e-6 nearly every element is clipped, and the largest sum is its square."""
    for backend in backends:
        state = start(80, hidden_size=8, gradient_clip=1e-6)
        train(state, english, 1, backend)

        assert pytest.approx(1e-12) == state.adagrad.by.max()
        assert pytest.approx(1e-12) == state.adagrad.Whh.max()


@both
@pytest.mark.parametrize("bad", [3, -1])
def test_tokens_outside_the_vocabulary_are_refused(backend: Backend, bad: int) -> None:
    """Before any change of the state; the message names the bounds."""
    state = start(3, hidden_size=2, seq_length=4)
    tokens = np.array([0, 1, 2, bad, 0, 1, 2, 0], np.int64)
    with pytest.raises(InvalidTokens, match=f"from 0 to 2, found .*{bad}"):
        train(state, tokens, 1, backend)

    assert state.iteration == 0


def test_the_shortest_text_that_can_be_trained_on() -> None:
    """batch_size × (seq_length + 2) tokens train; one fewer does not."""
    state = start(3, hidden_size=2, seq_length=4, batch_size=2)
    train(state, np.zeros(12, np.uint8), 3)
    with pytest.raises(InvalidTokens, match="at least 12 tokens"):
        train(state, np.zeros(11, np.uint8), 1)

    assert state.iteration == 3


def test_tokens_are_one_row_of_whole_numbers() -> None:
    """Floats and matrices are refused, and so is a backend of another name."""
    state = start(3, hidden_size=2, seq_length=4)
    with pytest.raises(InvalidTokens, match="whole numbers, not float64"):
        train(state, np.zeros(12), 1)  # type: ignore[arg-type]
    with pytest.raises(InvalidTokens, match="one row"):
        train(state, np.zeros((2, 12), np.uint8), 1)
    with pytest.raises(ValueError, match="backend"):
        train(state, np.zeros(12, np.uint8), 1, "cuda")  # type: ignore[arg-type]

    assert state.iteration == 0


@pytest.mark.parametrize("characters", [22, 23, 30, 31, 32, 41, 97])
def test_an_epoch_lasts_until_the_position_is_reset(characters: int) -> None:
    """The number is compared with a count of iterations."""
    options = Hyperparameters(hidden_size=1, seq_length=10, batch_size=1)
    state, count = TrainingState.initial(2, options, seed=0), 0
    while count * 10 == state.position:
        train(state, np.zeros(characters, np.uint8), 1, "numpy")
        count += 1

    assert count - 1 == iterations_per_epoch(characters, options)
