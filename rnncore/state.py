"""The state of a training run: all that its next iteration depends on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rnncore.parameters import FloatArray, Hyperparameters, Parameters


@dataclass(slots=True, kw_only=True)
class Rounds:
    """What a training in shards depends on at the end of a round, besides the rest of its state."""

    hidden: FloatArray  # (K, B, H) after the last iteration of each shard
    positions: NDArray[np.int64]  # (K,) of the next character of each shard, in its part
    momentum: Parameters  # of the outer step
    loss: float = 0.0  # of each iteration since the last checkpoint, summed; nats per sequence


@dataclass(slots=True, kw_only=True)
class TrainingState:
    """All that the next iteration depends on: training resumed from it gives the same bytes.

    >>> from rnncore import train
    >>> state = TrainingState.initial(3, Hyperparameters(hidden_size=2), seed=7)
    >>> losses = train(state, np.array([0, 1, 2] * 10), 5, backend="numpy")
    >>> state.iteration, state.position, losses.shape
    (5, 10, (5,))
    """

    parameters: Parameters
    adagrad: Parameters  # sums of squared gradients
    hidden: FloatArray  # (B, H) after the last iteration
    position: int  # of the next character to read, the same in each stream
    iteration: int  # number of iterations so far
    smooth_loss: float  # nats per sequence, 0.999 × old + 0.001 × new
    hyperparameters: Hyperparameters
    rounds: Rounds | None = None  # of a training in shards; the rest is then of the first shard

    @classmethod
    def initial(
        cls, vocabulary_size: int, hyperparameters: Hyperparameters, *, seed: int
    ) -> TrainingState:
        """The state before the first iteration; the smooth loss is that of a uniform guess."""
        parameters = Parameters.initial(vocabulary_size, hyperparameters, seed=seed)
        shape = hyperparameters.batch_size, hyperparameters.hidden_size
        return cls(
            parameters=parameters,
            adagrad=parameters.zeros_like(),
            hidden=np.zeros(shape, hyperparameters.float_type),
            position=0,
            iteration=0,
            smooth_loss=math.log(vocabulary_size) * hyperparameters.seq_length,
            hyperparameters=hyperparameters,
        )
