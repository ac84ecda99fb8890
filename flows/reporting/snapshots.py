"""Snapshots: texts that the network generates while it trains."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.storage.checkpoint_records import Snapshot
from flows.text import Vocabulary
from rnncore import Tokens, TrainingState, nats_per_character, next_input, sample
from rnncore.parameters import FloatArray, Parameters

snapshot_length = 200  # characters, as in the notebook


def draw_snapshot(
    state: TrainingState, tokens: Tokens, vocabulary: Vocabulary, seed: int
) -> Snapshot:
    """A text sampled now, from the training's hidden state and next input character."""
    hidden, first = next_input(state, tokens)
    rng = np.random.default_rng([seed, state.iteration])
    drawn = sample(state.parameters, hidden, first, snapshot_length, rng=rng)
    return Snapshot(
        seed=seed,
        priming=vocabulary.decode(np.array([first])),
        text=vocabulary.decode(drawn),
        nats_per_character=_nats_per_character(state.parameters, hidden, first, drawn),
    )


def _nats_per_character(
    parameters: Parameters, hidden: FloatArray, first: int, drawn: NDArray[np.integer]
) -> float:
    """Mean nats per character of `drawn`, sampled after token `first` from state `hidden`."""
    return nats_per_character(parameters, np.concatenate([[first], drawn]), hidden)
