"""Rounds: shards of a text train side by side from one network, which is averaged after each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from rnncore.averaging import OuterStep, outer_step, rounded, shares_of, weighted_mean
from rnncore.state import Rounds, TrainingState


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """How a training is cut into shards and rounds: it decides bytes, as hyperparameters do."""

    shards: int  # K, at least 2
    iterations: int  # H, of each shard in a round
    outer: OuterStep


def shard_bounds(characters: int, shards: int) -> list[tuple[int, int]]:
    """Where each shard's part of a text starts and ends: contiguous, and as equal as can be.

    >>> shard_bounds(10, 3)
    [(0, 3), (3, 6), (6, 10)]
    """
    cuts = [characters * number // shards for number in range(shards + 1)]
    return list(pairwise(cuts))


def begin_rounds(state: TrainingState, shards: int) -> TrainingState:
    """The same state, from which so many shards can start their first round."""
    rounds = Rounds(
        hidden=np.stack([state.hidden] * shards),
        positions=np.full(shards, state.position, np.int64),
        momentum=state.parameters.zeros_like(),
    )
    return replace(state, rounds=rounds)


def shard_states(state: TrainingState) -> list[TrainingState]:
    """What each shard starts the next round from: states for `train`, which share no memory."""
    if (rounds := state.rounds) is None:
        raise ValueError("the state has no rounds: call begin_rounds first")
    return [
        replace(
            state,
            parameters=state.parameters.copy(),
            adagrad=state.adagrad.copy(),
            hidden=hidden.copy(),
            position=int(position),
            rounds=None,
        )
        for hidden, position in zip(rounds.hidden, rounds.positions, strict=True)
    ]


def finish_round(
    state: TrainingState, shards: Sequence[TrainingState], weights: Sequence[int], step: OuterStep
) -> None:
    """End a round: advance `state` in place to what its shards, in their order, make together.

    `weights` are the tokens of each shard. Where and when they trained makes no difference.
    """
    if (rounds := state.rounds) is None or len(shards) != len(rounds.positions):
        raise ValueError(f"the state has no round of {len(shards)} shards to end")
    mean = weighted_mean([shard.parameters for shard in shards], weights)
    sums = weighted_mean([shard.adagrad for shard in shards], weights)
    state.parameters, momentum = outer_step(state.parameters, mean, rounds.momentum, step)
    state.adagrad = rounded(sums, state.adagrad)
    losses = zip(shares_of(weights), shards, strict=True)
    state.smooth_loss = sum(share * shard.smooth_loss for share, shard in losses)
    state.iteration = shards[0].iteration
    state.hidden, state.position = shards[0].hidden.copy(), shards[0].position
    state.rounds = Rounds(
        hidden=np.stack([shard.hidden for shard in shards]),
        positions=np.array([shard.position for shard in shards], np.int64),
        momentum=momentum,
        loss=rounds.loss,
    )
