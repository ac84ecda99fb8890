"""Evaluation: how well a checkpoint predicts text it never saw, and text it was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from flows.lifecycle.schedule import Schedule
from flows.storage.checkpoints import CheckpointRecord, EvaluationRecord
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.text import TokenArray, Vocabulary
from rnncore import Parameters, bits_per_character

by_blocks = "blocks"  # the rule: each block is read from a hidden state of zeros
shortest_training_sample = 100_000  # characters of the training text, or all where it has fewer


def evaluate(opened: OpenRun, digest: str, most: int) -> EvaluationRecord:
    """Bits per character on at most `most` of the held-out text, and on as much of the training
    text; done once.

    Where a decision about the checkpoint was made by an earlier rule, that rule stays.
    """
    decided = Registry(opened.store, opened.model).decision(opened.run_id, digest)
    rule = decided.rule if decided else by_blocks
    characters = None
    if rule is not None and opened.division.held_out.characters > most:
        characters = opened.division.held_out.by_digest().first(most).characters
    if known := opened.log.evaluation(digest, rule, characters):
        return known
    record = opened.log.record(digest)
    state, vocabulary = opened.log.read(record)
    training, held_out, block_ends = opened.split_for(vocabulary)
    if characters:
        held_out, block_ends = _chosen(opened, vocabulary, most)
    sample = training[: max(len(held_out), shortest_training_sample)]
    pieces = [len(sample)] if rule is None else None
    parameters = state.parameters
    return opened.log.add_evaluation(
        EvaluationRecord(
            iteration=record.iteration,
            digest=digest,
            train_bits_per_character=bits_per_character(parameters, sample, pieces),
            held_out_bits_per_character=held_out_bits(parameters, held_out, block_ends, rule),
            rule=rule,
            characters=characters,
        )
    )


def held_out_bits(
    parameters: Parameters, held_out: TokenArray, block_ends: NDArray[np.int64], rule: str | None
) -> float | None:
    """Bits per character of a held-out text, or of its beginning; None if nothing is predicted.

    By the rule None the text is one continuous text, as it was before there were rules.
    """
    ends = np.unique(block_ends.clip(max=len(held_out))) if rule else np.array([len(held_out)])
    if len(held_out) <= len(ends):  # the first character of a block is given
        return None
    return bits_per_character(parameters, held_out, ends)


def best_checkpoint(opened: OpenRun, schedule: Schedule) -> CheckpointRecord:
    """The checkpoint to judge: of those evaluated on schedule, and the last, the one that predicts
    the held-out text best; where nothing is held out, the last.
    """
    records = {record.iteration: record for record in opened.log.records()}
    last = max(records)
    bits, retired = comparable_bits(opened.log.evaluations()), opened.log.retired()
    candidates = [
        iteration
        for iteration in {*schedule.evaluations(last), last} & set(records)
        if records[iteration].digest in bits and records[iteration].digest not in retired
    ]
    best = min(
        candidates,
        key=lambda iteration: (bits[records[iteration].digest], -iteration),
        default=last,
    )
    return records[best]


def is_exhausted(opened: OpenRun, schedule: Schedule, patience: int | None) -> bool:
    """Whether so many evaluations in a row, up to the last one, brought no improvement."""
    if patience is None or not (records := opened.log.records()):
        return False
    bits, last = comparable_bits(opened.log.evaluations()), records[-1].iteration
    digests = {record.iteration: record.digest for record in records}
    found = [
        bits[digests[iteration]]
        for iteration in schedule.evaluations(last)
        if digests.get(iteration) in bits
    ]
    return len(found) - 1 - found.index(min(found)) >= patience if found else False


def comparable_bits(evaluations: Sequence[EvaluationRecord]) -> dict[str, float]:
    """Held-out bits per character by digest of the checkpoint, as far as they were measured.

    Those on as many characters as the newest, since others cannot be compared with them.
    """
    found = [
        evaluation
        for evaluation in evaluations
        if evaluation.held_out_bits_per_character is not None and evaluation.rule == by_blocks
    ]
    if not found:
        return {}
    characters = found[0].characters  # the newest: as the present request reads
    return {
        evaluation.digest: evaluation.held_out_bits_per_character
        for evaluation in found
        if evaluation.characters == characters
        and evaluation.held_out_bits_per_character is not None
    }


def _chosen(
    opened: OpenRun, vocabulary: Vocabulary, most: int
) -> tuple[TokenArray, NDArray[np.int64]]:
    """The blocks of the held-out text that are read, in tokens of a vocabulary, and their ends."""
    blocks = opened.division.held_out.by_digest().first(most)
    places = vocabulary.places_of(blocks.vocabulary)
    return places[blocks.joined()], blocks.ends
