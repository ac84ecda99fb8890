"""Texts that the network generates: snapshots while it trains, samples for reports."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from flows.parameters import SamplingOptions
from flows.storage.checkpoints import CheckpointRecord, Snapshot
from flows.storage.payload import Payload
from flows.storage.reports import Row
from flows.text import Vocabulary
from rnncore import (
    Tokens,
    TrainingState,
    nats_per_character,
    next_input,
    read,
    sample,
    sample_batch,
)
from rnncore.parameters import FloatArray, Parameters

snapshot_length = 200  # characters, as in the notebook
samples_at_once = 256


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


def snapshot_rows(records: list[CheckpointRecord], until: int) -> list[Row]:
    """Rows of the snapshots taken up to iteration `until`."""
    taken = [(record, record.snapshot) for record in records if record.iteration <= until]
    return [
        Row(
            iteration=record.iteration,
            checkpoint_digest=record.digest,
            kind="snapshot",
            sample_number=number,
            seed=snapshot.seed,
            priming=snapshot.priming,
            temperature=1.0,
            text=snapshot.text,
            nats_per_character=snapshot.nats_per_character,
        )
        for number, (record, snapshot) in enumerate(
            (record, snapshot) for record, snapshot in taken if snapshot
        )
    ]


def sample_rows(
    payload: Payload, digest: str, options: SamplingOptions, first_token: int
) -> Iterator[Row]:
    """Rows of the samples that `options` describe; each depends on its seed and number alone.

    `first_token` starts the samples when there is no priming text.
    """
    state, vocabulary = payload
    primed = np.array([first_token])
    if options.primings[0]:
        primed = vocabulary.encode(options.primings[0], "priming text")
    hidden, first = read(state.parameters, primed[:-1]), int(primed[-1])
    temperatures = np.repeat(options.temperatures, options.samples_each)
    drawn = _draw(state.parameters, hidden, first, options, temperatures)
    for number, (tokens, temperature) in enumerate(zip(drawn, temperatures, strict=True)):
        yield Row(
            iteration=state.iteration,
            checkpoint_digest=digest,
            kind="sample",
            sample_number=number,
            seed=options.seeds[0],
            priming=options.primings[0] or vocabulary.decode(primed),
            temperature=float(temperature),
            text=vocabulary.decode(tokens),
            nats_per_character=_nats_per_character(state.parameters, hidden, first, tokens),
        )


def _draw(
    parameters: Parameters,
    hidden: FloatArray,
    first: int,
    options: SamplingOptions,
    temperatures: NDArray[np.floating],
) -> Iterator[NDArray[np.int64]]:
    """The tokens of each sample, drawn some at once."""
    for start in range(0, len(temperatures), samples_at_once):
        numbers = range(start, min(start + samples_at_once, len(temperatures)))
        yield from sample_batch(
            parameters,
            np.tile(hidden, (len(numbers), 1)),
            np.full(len(numbers), first),
            options.length,
            rngs=[np.random.default_rng([options.seeds[0], number]) for number in numbers],
            temperature=temperatures[numbers.start : numbers.stop],
        )


def _nats_per_character(
    parameters: Parameters, hidden: FloatArray, first: int, drawn: NDArray[np.integer]
) -> float:
    """Mean nats per character of `drawn`, sampled after token `first` from state `hidden`."""
    return nats_per_character(parameters, np.concatenate([[first], drawn]), hidden)
