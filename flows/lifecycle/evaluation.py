"""Evaluation: how well a checkpoint predicts text it never saw, and text it was trained on."""

from __future__ import annotations

from flows.storage.checkpoints import EvaluationRecord
from flows.storage.open_run import OpenRun
from rnncore import bits_per_character

shortest_training_sample = 100_000  # characters of the training text, or all where it has fewer


def evaluate(opened: OpenRun, digest: str) -> EvaluationRecord:
    """Bits per character on the held-out text, and on as much of the training text; done once."""
    if known := opened.log.evaluation(digest):
        return known
    record = opened.log.record(digest)
    parameters = opened.log.read(record).state.parameters
    training, held_out = opened.split
    sample = training[: max(len(held_out), shortest_training_sample)]
    return opened.log.add_evaluation(
        EvaluationRecord(
            iteration=record.iteration,
            digest=digest,
            train_bits_per_character=bits_per_character(parameters, sample),
            held_out_bits_per_character=(
                bits_per_character(parameters, held_out) if len(held_out) else None
            ),
        )
    )
