"""Training on a long text of ranges, window by window, gives the bytes of training on its array."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from rnncore import (
    Hyperparameters,
    InvalidTokens,
    TokenRanges,
    TrainingDiverged,
    TrainingState,
    next_input,
    streams,
    train,
    training,
)
from rnncore.text import Tokens
from rnncore.training import Backend
from tests.support.networks import bytes_of

V = 11
both = pytest.mark.parametrize("backend", ["compiled", "numpy"])
by_windows = pytest.mark.usefixtures("windows")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every text of ranges is long, and a window has 60 tokens."""
    monkeypatch.setattr(training, "whole_tokens", 0)
    monkeypatch.setattr(streams, "window_tokens", 60)


def start(**options: object) -> TrainingState:
    """An initial state of a small network."""
    network = Hyperparameters(**{"hidden_size": 6, "seq_length": 4, **options})  # type: ignore[arg-type]
    return TrainingState.initial(V, network, seed=3)


def cut(tokens: NDArray[np.integer], rng: np.random.Generator) -> TokenRanges:
    """The same text as ranges of an array in another order, each with other tokens around it."""
    ends = [0, *sorted(rng.integers(0, len(tokens) + 1, 9).tolist()), len(tokens)]
    ranges = np.array(list(pairwise(ends)))
    shuffled: list[NDArray[np.integer]] = []
    places, length = np.empty_like(ranges), 0
    for n in rng.permutation(len(ranges)):
        piece = tokens[slice(*ranges[n])]
        places[n] = length + 1, length + 1 + len(piece)
        shuffled += [np.array([V + 1]), piece]
        length += 1 + len(piece)
    return TokenRanges(np.concatenate(shuffled).astype(tokens.dtype), places)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    B=some.sampled_from([1, 2, 16, 64]),
    T=some.integers(1, 6),
    dtype=some.sampled_from(["float32", "float64"]),
    backend=some.sampled_from(["compiled", "numpy"]),
    token_type=some.sampled_from(["u1", "u2", "i8"]),
    stream=some.integers(0, 40),
    rest=some.integers(0, 63),
    window=some.sampled_from([1, 40, 300, 2000]),
    calls=some.lists(some.integers(0, 30), min_size=1, max_size=5),
    seed=some.integers(0, 99),
)
def test_any_text_in_any_windows_and_calls_gives_the_same_bytes(
    B: int,
    T: int,
    dtype: str,
    backend: Backend,
    token_type: str,
    stream: int,
    rest: int,
    window: int,
    calls: list[int],
    seed: int,
) -> None:
    """Weights, sums, hidden state, position, iteration, smooth loss and losses, over many resets."""
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, V, B * (T + 2 + stream) + rest % B).astype(token_type)
    text = cut(tokens, rng)
    states = [start(batch_size=B, seq_length=T, dtype=dtype) for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "whole_tokens", 0)
        patch.setattr(streams, "window_tokens", window)
        for iterations in calls:
            losses = train(states[0], tokens, iterations, backend)

            np.testing.assert_array_equal(train(states[1], text, iterations, backend), losses)
            assert bytes_of(states[0]) == bytes_of(states[1])
            (hidden, first), expected = (next_input(states[1], text), next_input(states[0], tokens))
            assert expected[1] == first
            np.testing.assert_array_equal(hidden, expected[0])


@both
def test_a_short_text_is_read_once(backend: Backend) -> None:
    """Later calls train on the copy that is kept."""
    tokens = np.random.default_rng(0).integers(0, V, 300).astype(np.uint8)
    text, states = TokenRanges(tokens, np.array([[0, 300]])), [start(), start()]
    losses = train(states[0], tokens, 90, backend)

    np.testing.assert_array_equal(train(states[1], text, 90, backend), losses)
    assert bytes_of(states[0]) == bytes_of(states[1])
    assert text._whole is not None
    tokens[:] = 0
    np.testing.assert_array_equal(
        train(states[0], np.array(text.whole()), 9, backend), train(states[1], text, 9, backend)
    )


@by_windows
@both
def test_a_text_is_read_in_the_larger_vocabulary_of_a_run(backend: Backend) -> None:
    """Each token of the dataset has its place among the characters of the run."""
    tokens = np.random.default_rng(0).integers(0, 5, 300).astype(np.uint8)
    places = np.array([10, 0, 7, 3, 4], np.uint16)
    states = [start(), start()]
    text = TokenRanges(tokens, np.array([[0, 300]]), places)
    losses = train(states[0], places[tokens], 90, backend)

    np.testing.assert_array_equal(train(states[1], text, 90, backend), losses)
    assert bytes_of(states[0]) == bytes_of(states[1])


@by_windows
@both
@pytest.mark.parametrize("iteration", [0, 3, 17, 18, 25])
def test_divergence_leaves_the_state_before_the_iteration(backend: Backend, iteration: int) -> None:
    """Also in a later window, and in the first iteration of an epoch: the 19th."""
    tokens = np.zeros(74, np.uint8)
    tokens[iteration % 18 * 4 + 1] = 1  # a character that is first met in this iteration
    sources: list[Tokens] = [tokens, TokenRanges(tokens, np.array([[0, 74]]))]
    states, errors = [start(), start()], []
    for state, source in zip(states, sources, strict=True):
        train(state, np.zeros(74, np.uint8), iteration, backend)
        state.parameters.Wxh[:, 1] = math.nan
        if iteration % 18 == 0:
            state.parameters.bh[0] = math.nan
        with np.errstate(all="ignore"), pytest.raises(TrainingDiverged) as caught:
            train(state, source, 40, backend)
        errors.append((caught.value.iteration, str(caught.value)))

    assert errors[0] == errors[1]
    assert iteration == errors[1][0] == states[1].iteration
    assert bytes_of(states[0]) == bytes_of(states[1])


@by_windows
@both
def test_a_token_outside_the_vocabulary_is_found_before_it_is_trained_on(backend: Backend) -> None:
    """The windows before it are trained on; the state is that of the iterations they were."""
    tokens = np.zeros(500, np.uint8)
    tokens[130] = V
    expected, state = start(), start()
    text = TokenRanges(tokens, np.array([[0, 500]]))
    train(expected, text, 30, backend)  # two windows of 15 iterations; the third reads 120 to 180
    with pytest.raises(InvalidTokens, match=f"from 0 to 10, found 0 to {V}"):
        train(state, text, 100, backend)

    assert bytes_of(expected) == bytes_of(state)
    train(state, text, 2, backend)  # reads up to 128
    with pytest.raises(InvalidTokens):
        train(state, text, 1, backend)


@by_windows
@both
def test_what_one_window_does_not_read_is_not_checked(backend: Backend) -> None:
    """The token after the last target is in no iteration."""
    tokens = np.zeros(500, np.uint8)
    tokens[61] = V
    train(state := start(), TokenRanges(tokens, np.array([[0, 500]])), 15, backend)

    assert 60 == state.position


@by_windows
def test_an_error_within_a_window_leaves_the_position_in_the_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The loop counts from the start of the window; the state never does."""
    text = TokenRanges(np.zeros(500, np.uint8), np.array([[0, 500]]))
    train(state := start(), text, 20)

    def fail(*_: object, **__: object) -> int:
        raise FloatingPointError

    monkeypatch.setattr(training, "_train_reference", fail)
    with pytest.raises(FloatingPointError):
        train(state, text, 5, "numpy")
    assert 80 == state.position


@by_windows
def test_a_text_of_ranges_that_is_too_short_is_refused() -> None:
    """Also if no iteration is asked for; and so is a hidden state of another shape."""
    text = TokenRanges(np.zeros(9, np.uint8), np.array([[0, 5]]))
    for iterations in (0, 1):
        with pytest.raises(InvalidTokens, match=r"at least 6 tokens .* shape \(5,\)"):
            train(start(), text, iterations)
    state = start()
    state.hidden = np.zeros((2, 6), np.float32)
    with pytest.raises(InvalidTokens, match=r"shape \(1, 6\)"):
        train(state, TokenRanges(np.zeros(9, np.uint8), np.array([[0, 9]])), 1)


memory = """
import sys
import numpy as np
from rnncore import Hyperparameters, TokenRanges, TrainingState, train

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

tokens = np.memmap(sys.argv[1], np.uint8, "r")
rng = np.random.default_rng(0)
starts = rng.permutation(len(tokens) // 2**12) * 2**12
text = TokenRanges(tokens, np.stack([starts, starts + 2**12], axis=1))
state = TrainingState.initial(3, Hyperparameters(hidden_size=1, batch_size=64, seq_length=200), seed=0)
train(state, text, 1)
before = kilobytes("RssAnon"), kilobytes("VmHWM")
for _ in range(16):
    train(state, text, 50)
    state.position += 2**18 - 20_000
print(kilobytes("RssAnon") - before[0], kilobytes("VmHWM") - before[1])
"""


@pytest.fixture
def sparse_file(tmp_path: Path) -> Iterator[Path]:
    """1 GB of zeros that take no room on the disk."""
    file = tmp_path / "tokens"
    with file.open("wb") as opened:
        opened.truncate(2**30)
    yield file
    file.unlink()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux")
def test_memory_does_not_grow_with_the_text(sparse_file: Path) -> None:
    """Parts all over 1 GB are read, blocks in random order; the peak counts the map's pages too."""
    command = [sys.executable, "-c", memory, str(sparse_file)]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    anonymous, peak = map(int, output.split())

    assert 64_000 > anonymous
    assert 64_000 > peak
