"""Rounds give what a plain loop gives, whatever runs their shards."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from rnncore import (
    Hyperparameters,
    OuterStep,
    Parameters,
    TokenRanges,
    TrainingState,
    begin_rounds,
    finish_round,
    iterations_per_epoch,
    loss_and_gradients,
    next_input,
    shard_bounds,
    shard_states,
    train,
)
from rnncore.parameters import FloatArray

V, T = 7, 4
step = OuterStep(0.9, 0.3)
tokens = np.random.default_rng(0).integers(0, V, 403)


def start(shards: int, **options: object) -> TrainingState:
    """A small network before its first round."""
    chosen = {"hidden_size": 5, "seq_length": T, "dtype": "float64", **options}
    network = Hyperparameters(**chosen)  # type: ignore[arg-type]
    return begin_rounds(TrainingState.initial(V, network, seed=1), shards)


def run(state: TrainingState, text: NDArray[np.integer], iterations: int) -> None:
    """One round, by the numpy reference."""
    states, bounds = shard_states(state), shard_bounds(len(text), len(shard_states(state)))
    for shard, (first, end) in zip(states, bounds, strict=True):
        train(shard, text[first:end], iterations, backend="numpy")
    finish_round(state, states, [end - first for first, end in bounds], step)


class Plain:
    """The same, written down from the definition, for one stream a shard."""

    def __init__(self, state: TrainingState, shards: int) -> None:
        self.theta = [array.copy() for array in state.parameters]
        self.sums = [np.zeros_like(array) for array in self.theta]
        self.momentum = [np.zeros_like(array) for array in self.theta]
        self.hidden = [state.hidden.copy() for _ in range(shards)]
        self.positions = [0] * shards
        self.smooth = state.smooth_loss
        self.options = state.hyperparameters

    def round(self, text: NDArray[np.integer], iterations: int) -> None:
        shards = len(self.positions)
        cuts = [len(text) * k // shards for k in range(shards + 1)]
        found = [self._shard(k, text[cuts[k] : cuts[k + 1]], iterations) for k in range(shards)]
        shares = [(cuts[k + 1] - cuts[k]) / len(text) for k in range(shards)]
        for n in range(5):
            mean = np.zeros_like(self.theta[n])
            self.sums[n] = np.zeros_like(mean)
            for share, (theta, sums, _) in zip(shares, found, strict=True):
                mean += share * theta[n]
                self.sums[n] += share * sums[n]
            gradient = self.theta[n] - mean
            self.momentum[n] = step.momentum * self.momentum[n] + gradient
            ahead = step.momentum * self.momentum[n] + gradient
            self.theta[n] = self.theta[n] - step.learning_rate * ahead
        self.smooth = sum(share * each[2] for share, each in zip(shares, found, strict=True))

    def _shard(
        self, k: int, part: NDArray[np.integer], iterations: int
    ) -> tuple[list[FloatArray], list[FloatArray], float]:
        theta, sums = ([array.copy() for array in arrays] for arrays in (self.theta, self.sums))
        smooth = self.smooth
        for _ in range(iterations):
            if self.positions[k] + T + 1 >= len(part):
                self.positions[k], self.hidden[k] = 0, np.zeros_like(self.hidden[k])
            window = part[self.positions[k] :][: T + 1, None]
            loss, gradients, self.hidden[k] = loss_and_gradients(
                Parameters(*theta), window[:-1], window[1:], self.hidden[k], 5.0
            )
            for weight, total, gradient in zip(theta, sums, gradients, strict=True):
                total[...] += gradient * gradient
                weight[...] -= self.options.learning_rate * gradient / np.sqrt(total + 1e-8)
            self.positions[k] += T
            smooth = smooth * 0.999 + loss * 0.001
        return theta, sums, smooth


@pytest.mark.parametrize("shards", [2, 3, 4])
def test_rounds_are_those_of_a_plain_loop_to_the_last_bit(shards: int) -> None:
    """Past the end of each shard, where its position and its hidden state are reset."""
    state = start(shards)
    plain = Plain(state, shards)
    for iterations in (1, 20, 40):
        run(state, tokens, iterations)
        plain.round(tokens, iterations)

    assert state.rounds
    assert plain.positions == state.rounds.positions.tolist()
    assert plain.smooth == state.smooth_loss
    pairs = [(plain.theta, [*state.parameters]), (plain.sums, [*state.adagrad])]
    pairs += [(plain.momentum, [*state.rounds.momentum]), (plain.hidden, [*state.rounds.hidden])]
    for expected, found in pairs:
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)


def test_the_compiled_kernels_agree_with_the_reference() -> None:
    states = [start(3, batch_size=2), start(3, batch_size=2)]
    run(states[0], tokens, 30)
    shards, bounds = shard_states(states[1]), shard_bounds(len(tokens), 3)
    for shard, (first, end) in zip(shards, bounds, strict=True):
        train(shard, tokens[first:end], 30)
    finish_round(states[1], shards, [end - first for first, end in bounds], step)
    for one, other in zip(*(state.parameters for state in states), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


@given(some.integers(0, 10**6), some.integers(1, 500))
@settings(derandomize=True)
def test_shards_are_the_whole_text_in_parts_as_equal_as_can_be(length: int, shards: int) -> None:
    bounds = shard_bounds(length, shards)
    sizes = {end - start for start, end in bounds}
    assert [0, length] == [bounds[0][0], bounds[-1][1]]
    assert all(one[1] == other[0] for one, other in pairwise(bounds))
    assert max(sizes) - min(sizes) <= 1


@given(some.data())
@settings(derandomize=True, deadline=None)
def test_a_part_of_ranges_reads_as_a_part_of_the_text(data: some.DataObject) -> None:
    numbers = some.integers(0, len(tokens))
    ends = sorted(data.draw(some.lists(numbers, min_size=2, max_size=8)))
    ranges = np.array(data.draw(some.permutations(list(pairwise(ends)))))
    text = TokenRanges(tokens, ranges)
    start, stop = sorted(data.draw(some.tuples(*[some.integers(0, len(text))] * 2)))
    part = text.part(start, stop)
    assert text[start:stop].tolist() == part[:].tolist()
    assert stop - start == len(part)


def test_an_epoch_is_a_pass_through_the_longest_shard() -> None:
    options = Hyperparameters(seq_length=10)
    assert 9 == iterations_per_epoch(100, options)
    assert 4 == iterations_per_epoch(100, options, 2)
    assert 1 == iterations_per_epoch(23, options, 2)  # of 11 and 12 characters


def test_a_sample_starts_where_the_first_shard_goes_on() -> None:
    """Which is the start of the text, after the end of its part."""
    state = start(4)
    run(state, tokens, 3)
    hidden, token = next_input(state, tokens)
    assert (tokens[3 * T], state.hidden[0].tolist()) == (token, hidden.tolist())
    run(state, tokens, math.ceil(100 / T) - 3 - 1)
    hidden, token = next_input(state, tokens)
    assert (tokens[0], 0) == (token, np.abs(hidden).max())


def test_a_state_of_shards_is_not_trained_as_one() -> None:
    with pytest.raises(ValueError, match="shard_states"):
        train(start(2), tokens, 1)


def test_a_round_ends_with_all_of_its_shards() -> None:
    state = start(3)
    with pytest.raises(ValueError, match="no round of 2 shards"):
        finish_round(state, shard_states(state)[:2], [1, 1], step)
    with pytest.raises(ValueError, match="no rounds"):
        shard_states(shard_states(state)[0])
