"""Small states, datasets and checkpoints to save in a store."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from flows.storage import datasets
from flows.storage.checkpoints import CheckpointLog, CheckpointRecord, EvaluationRecord
from flows.storage.datasets import Dataset
from flows.storage.stores import Store
from flows.text import Vocabulary
from rnncore import (
    Hyperparameters,
    OuterStep,
    TrainingState,
    begin_rounds,
    finish_round,
    shard_states,
    train,
)

vocabulary = Vocabulary("\n abcdefg")
text = "abba cab fade\nbad cafe\ndeaf face\n" * 6
tokens = vocabulary.encode(text)
facts: Mapping[str, object] = {
    "loss": 1.5,
    "smooth_loss": 1.75,
    "characters_per_second": 1e6,
    "held_out_bits_per_character": None,
    "snapshot": None,
    "corpus": ("corpus.txt",),
    "cpu": "some CPU",
    "versions": {"numpy": "2"},
}


def make_state(dtype: str = "float64", batch_size: int = 1, iterations: int = 5) -> TrainingState:
    """A small state after a short training, so that none of its arrays is all zero."""
    options = Hyperparameters(hidden_size=6, seq_length=4, batch_size=batch_size, dtype=dtype)
    state = TrainingState.initial(len(vocabulary), options, seed=3)
    train(state, tokens, iterations)
    return state


def make_round(dtype: str = "float32", shards: int = 3, batch_size: int = 2) -> TrainingState:
    """A small state after a round of twelve iterations, whose shards are at different places."""
    state = begin_rounds(make_state(dtype, batch_size, iterations=0), shards)
    states = shard_states(state)
    for number, shard in enumerate(states):
        train(shard, tokens[: 40 + 20 * number], 12)
    finish_round(state, states, list(range(1, shards + 1)), OuterStep(0.9, 0.3))
    assert state.rounds
    state.rounds.loss = 7.25
    return state


def assert_same_state(expected: TrainingState, actual: TrainingState) -> None:
    """Assert that two states have the same arrays and numbers, of the same types."""
    for part in ("parameters", "adagrad"):
        pairs = zip(getattr(expected, part).items(), getattr(actual, part), strict=True)
        for (name, wanted), found in pairs:
            assert wanted.dtype == found.dtype
            np.testing.assert_array_equal(wanted, found, err_msg=f"{part}.{name}", strict=True)
    np.testing.assert_array_equal(expected.hidden, actual.hidden, strict=True)
    assert expected.position == actual.position
    assert expected.iteration == actual.iteration
    assert expected.smooth_loss == actual.smooth_loss
    assert expected.hyperparameters == actual.hyperparameters
    assert (expected.rounds is None) == (actual.rounds is None)
    if expected.rounds and actual.rounds:
        pairs = zip(expected.rounds.momentum, actual.rounds.momentum, strict=True)
        for wanted, found in pairs:
            np.testing.assert_array_equal(wanted, found, strict=True)
        for name in ("hidden", "positions"):
            one, other = getattr(expected.rounds, name), getattr(actual.rounds, name)
            np.testing.assert_array_equal(one, other, strict=True)
        assert expected.rounds.loss == actual.rounds.loss


def stored(store: Store, *texts: str) -> Dataset:
    """Save a dataset of `texts`."""
    dataset = datasets.tokenise(list(texts))
    datasets.save(store, dataset)
    return dataset


def open_log(store: Store, run_id: str = "0" * 16) -> CheckpointLog:
    """The checkpoints of a run of the default model."""
    return CheckpointLog(store, "default", run_id)


def commit(log: CheckpointLog, iterations: int, after: int | None = None) -> CheckpointRecord:
    """Commit the state of that iteration after record `after`, by default after the newest."""
    after = log.head() if after is None else after
    return log.commit(make_state(iterations=iterations), vocabulary, facts, after=after)


def evaluation_of(
    record: CheckpointRecord, bits: float = 2.5, rule: str | None = None
) -> EvaluationRecord:
    """An evaluation of that checkpoint."""
    return EvaluationRecord(
        iteration=record.iteration,
        digest=record.digest,
        train_bits_per_character=bits,
        held_out_bits_per_character=None,
        rule=rule,
    )
