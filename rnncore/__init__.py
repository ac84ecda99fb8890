"""The mathematics of min-char-rnn: from arrays to arrays, without files or global state."""

from rnncore import lazy  # noqa: F401 - before any module that imports the kernels
from rnncore.arithmetic import Arithmetic
from rnncore.averaging import OuterStep, outer_step, weighted_mean
from rnncore.evaluation import (
    bits_per_character,
    nats_of_characters,
    nats_per_character,
    read,
    restrict,
)
from rnncore.exceptions import (
    InvalidHyperparameter,
    InvalidTokens,
    RnncoreError,
    TrainingDiverged,
)
from rnncore.growth import grow, warm_start
from rnncore.network import loss_and_gradients
from rnncore.parameters import Hyperparameters, Parameters
from rnncore.rounds import RoundOptions, begin_rounds, finish_round, shard_bounds, shard_states
from rnncore.sampling import Drawn, draw, sample, sample_batch
from rnncore.state import Rounds, TrainingState
from rnncore.streams import iterations_per_epoch, next_input
from rnncore.text import TokenRanges, Tokens
from rnncore.training import train

__all__ = [
    "Arithmetic",
    "Drawn",
    "Hyperparameters",
    "InvalidHyperparameter",
    "InvalidTokens",
    "OuterStep",
    "Parameters",
    "RnncoreError",
    "RoundOptions",
    "Rounds",
    "TokenRanges",
    "Tokens",
    "TrainingDiverged",
    "TrainingState",
    "begin_rounds",
    "bits_per_character",
    "draw",
    "finish_round",
    "grow",
    "iterations_per_epoch",
    "loss_and_gradients",
    "nats_of_characters",
    "nats_per_character",
    "next_input",
    "outer_step",
    "read",
    "restrict",
    "sample",
    "sample_batch",
    "shard_bounds",
    "shard_states",
    "train",
    "warm_start",
    "weighted_mean",
]
