"""Evaluation: how well a checkpoint predicts text it never saw, and text it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from flows.exceptions import DamagedObject, UnknownObject
from flows.lifecycle.schedule import Schedule
from flows.storage.checkpoints import CheckpointRecord, EvaluationRecord
from flows.storage.damage import warn
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.text import TokenArray, Vocabulary
from rnncore import Parameters, bits_per_character

by_blocks = "blocks"  # the rule: each block is read from a hidden state of zeros
Measure = Callable[[OpenRun, str, int], EvaluationRecord]
shortest_training_sample = 100_000  # characters of the training text, or all where it has fewer


def evaluate(opened: OpenRun, digest: str, most: int) -> EvaluationRecord:
    """Bits per character on at most `most` of the held-out text, and on as much of the training
    text; done once.

    Where a decision about the checkpoint was made by an earlier rule, that rule stays with it.
    """
    rule, characters = _asked(opened, digest, most)
    if known := opened.log.evaluation(digest, rule, characters):
        return known
    record = opened.log.record(digest)
    state, vocabulary = opened.log.read(record)
    training, held_out, block_ends = opened.split_for(vocabulary)
    read = held_out[:] if characters is None else None
    if read is None:
        read, block_ends = _chosen(opened, vocabulary, most)
    sample = training[: max(len(read), shortest_training_sample)]
    pieces = [len(sample)] if rule is None else None
    parameters = state.parameters
    return opened.log.add_evaluation(
        EvaluationRecord(
            iteration=record.iteration,
            digest=digest,
            train_bits_per_character=bits_per_character(parameters, sample, pieces),
            held_out_bits_per_character=held_out_bits(parameters, read, block_ends, rule),
            rule=rule,
            characters=characters,
        )
    )


def known_evaluation(opened: OpenRun, digest: str, most: int) -> EvaluationRecord:
    """As `evaluate`, but nothing is measured: `UnknownObject` where that is left to do."""
    if known := opened.log.evaluation(digest, *_asked(opened, digest, most)):
        return known
    raise UnknownObject(f"checkpoint {digest} of run {opened.run_id} was not evaluated yet")


def _asked(opened: OpenRun, digest: str, most: int) -> tuple[str | None, int | None]:
    """The rule of an evaluation, and the characters to read; None for all."""
    decided = Registry(opened.store, opened.model).history().standing(opened.run_id, digest)
    rule = decided.version.rule if decided else by_blocks
    if rule is not None and opened.division.held_out.characters > most:
        return rule, opened.division.held_out.smallest(most).characters
    return rule, None


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


def best_checkpoint(
    opened: OpenRun, schedule: Schedule, most: int, measure: Measure = evaluate
) -> CheckpointRecord:
    """The checkpoint to judge: of those evaluated on schedule, and the last, the intact one
    that predicts at most `most` of the held-out text best; where nothing is held out, the last.
    """
    records = {record.iteration: record for record in opened.log.records()}
    last = max(records)
    bits = evaluate_all(opened, {*schedule.evaluations(last), last}, most, measure)
    for iteration in sorted(bits, key=lambda iteration: (bits[iteration], -iteration)):
        try:
            opened.log.read(records[iteration])
        except DamagedObject as error:
            warn(error, "not judged")
        else:
            return records[iteration]
    return records[last]


def evaluate_all(
    opened: OpenRun, iterations: Collection[int], most: int, measure: Measure = evaluate
) -> dict[int, float]:
    """Held-out bits per character of the checkpoints at some iterations that are there.

    What a kill left out, or was measured on another part of the text, is measured now.
    """
    retired, found = opened.log.retired(), {}
    for record in opened.log.records():
        if record.iteration not in iterations or record.digest in retired:
            continue
        try:
            measured = measure(opened, record.digest, most)
        except DamagedObject as error:
            warn(error, "not evaluated")
            continue
        if measured.rule == by_blocks and measured.held_out_bits_per_character is not None:
            found[record.iteration] = measured.held_out_bits_per_character
    return found


def is_exhausted(opened: OpenRun, schedule: Schedule, patience: int | None) -> bool:
    """Whether so many evaluations in a row, up to the last one, brought no improvement.

    It stays so where a later request reads another part of the text.
    """
    if patience is None or not (records := opened.log.records()):
        return False
    last, digests = records[-1].iteration, {found.iteration: found.digest for found in records}
    for bits in _by_text(opened.log.evaluations()).values():
        iterations = schedule.evaluations(last)
        found = [bits[digests[at]] for at in iterations if digests.get(at) in bits]
        if found and len(found) - 1 - found.index(min(found)) >= patience:
            return True
    return False


def comparable_bits(evaluations: Sequence[EvaluationRecord]) -> dict[str, float]:
    """Held-out bits per character by digest of the checkpoint, as far as they were measured.

    Those on as many characters as the newest, since others cannot be compared with them.
    """
    return next(iter(_by_text(evaluations).values()), {})


def _by_text(evaluations: Sequence[EvaluationRecord]) -> dict[int | None, dict[str, float]]:
    """Held-out bits per character by what was read: so many characters, the newest first."""
    found: dict[int | None, dict[str, float]] = {}
    for one in evaluations:
        if one.held_out_bits_per_character is not None and one.rule == by_blocks:
            bits = found.setdefault(one.characters, {})
            bits.setdefault(one.digest, one.held_out_bits_per_character)
    return found


def _chosen(
    opened: OpenRun, vocabulary: Vocabulary, most: int
) -> tuple[TokenArray, NDArray[np.int64]]:
    """The blocks of the held-out text that are read, in tokens of a vocabulary, and their ends."""
    blocks = opened.division.held_out.smallest(most)
    places = vocabulary.places_of(blocks.vocabulary)
    return places[blocks.joined()], blocks.ends
