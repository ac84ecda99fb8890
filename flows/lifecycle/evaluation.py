"""Evaluation: how well a checkpoint predicts text it never saw, and text it was trained on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.storage.checkpoints import EvaluationRecord
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.text import TokenArray
from rnncore import Parameters, bits_per_character

by_blocks = "blocks"  # the rule: each block is read from a hidden state of zeros
shortest_training_sample = 100_000  # characters of the training text, or all where it has fewer


def evaluate(opened: OpenRun, digest: str) -> EvaluationRecord:
    """Bits per character on the held-out text, and on as much of the training text; done once.

    Where a decision about the checkpoint was made by an earlier rule, that rule stays.
    """
    decided = Registry(opened.store, opened.model).decision(opened.run_id, digest)
    rule = decided.rule if decided else by_blocks
    if known := opened.log.evaluation(digest, rule):
        return known
    record = opened.log.record(digest)
    parameters = opened.log.read(record).state.parameters
    training, held_out, block_ends = opened.split
    sample = training[: max(len(held_out), shortest_training_sample)]
    pieces = [len(sample)] if rule is None else None
    return opened.log.add_evaluation(
        EvaluationRecord(
            iteration=record.iteration,
            digest=digest,
            train_bits_per_character=bits_per_character(parameters, sample, pieces),
            held_out_bits_per_character=held_out_bits(parameters, held_out, block_ends, rule),
            rule=rule,
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
