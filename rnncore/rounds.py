"""Rounds: shards of a text train side by side from one network, which is averaged after each round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncore.averaging import OuterStep, outer_step, rounded, shares_of, weighted_mean
from rnncore.parameters import FloatArray, Parameters
from rnncore.state import TrainingState


@dataclass(frozen=True, slots=True)
class RoundOptions:
    """How a training in rounds is cut: all that decides its bytes besides its hyperparameters."""

    shards: int  # K, at least 2
    iterations: int  # H, of each shard in a round
    outer: OuterStep


@dataclass(slots=True, kw_only=True)
class Rounds:
    """What the next round depends on besides a `TrainingState` at the end of a round.

    That state's hidden state and position are those of the first shard.
    """

    hidden: FloatArray  # (K, B, H) after the last iteration of each shard
    positions: NDArray[np.int64]  # (K,) in each shard's part of the text
    momentum: Parameters  # of the outer step
    loss: float = 0.0  # of each iteration since the last checkpoint, summed; nats per sequence

    @classmethod
    def initial(cls, state: TrainingState, shards: int) -> Rounds:
        """Before the first round: each shard starts as `state` does."""
        return cls(
            hidden=np.stack([state.hidden] * shards),
            positions=np.full(shards, state.position, np.int64),
            momentum=state.parameters.zeros_like(),
        )

    def shard(self, state: TrainingState, number: int) -> TrainingState:
        """The state that a shard starts the next round from; it shares no memory with `state`."""
        return TrainingState(
            parameters=state.parameters.copy(),
            adagrad=state.adagrad.copy(),
            hidden=self.hidden[number].copy(),
            position=int(self.positions[number]),
            iteration=state.iteration,
            smooth_loss=state.smooth_loss,
            hyperparameters=state.hyperparameters,
        )

    def finish(
        self,
        state: TrainingState,
        shards: Sequence[TrainingState],
        weights: Sequence[int],
        step: OuterStep,
    ) -> None:
        """End a round: advance this and `state`, in place, to what the shards make together.

        `weights` are the tokens of each shard. Only their order matters, not where they trained.
        """
        mean = weighted_mean([shard.parameters for shard in shards], weights)
        sums = weighted_mean([shard.adagrad for shard in shards], weights)
        state.parameters, self.momentum = outer_step(state.parameters, mean, self.momentum, step)
        state.adagrad = rounded(sums, state.adagrad)
        state.iteration = shards[0].iteration
        losses = zip(shares_of(weights), shards, strict=True)
        state.smooth_loss = sum(share * shard.smooth_loss for share, shard in losses)
        self.hidden = np.stack([shard.hidden for shard in shards])
        self.positions = np.array([shard.position for shard in shards], np.int64)
        state.hidden, state.position = self.hidden[0].copy(), shards[0].position


def shard_bounds(characters: int, shards: int) -> list[tuple[int, int]]:
    """Where each shard's part of a text starts and ends: contiguous, and as equal as can be.

    >>> shard_bounds(10, 3)
    [(0, 3), (3, 6), (6, 10)]
    """
    cuts = [characters * number // shards for number in range(shards + 1)]
    return list(zip(cuts, cuts[1:], strict=False))
