"""Evaluation: how well a checkpoint predicts text it never saw, and text it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.exceptions import DamagedObject, UnknownObject
from flows.lifecycle.schedule import Schedule
from flows.storage.checkpoints import CheckpointRecord, EvaluationRecord
from flows.storage.damage import warn
from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Registry
from flows.text import Blocks, Half, TokenArray, half_of
from rnncore import Parameters, bits_per_character

Evaluate = Callable[[OpenRun, str, int], EvaluationRecord]
by_blocks = "blocks"  # the rule: each block is read from a hidden state of zeros
# The same, of the blocks of even or odd digest alone: a sweep selects on one half, and is judged on
# the other.
rule_of_half: dict[Half, str] = {"even": "blocks-even", "odd": "blocks-odd"}
shortest_training_sample = 100_000  # characters of the training text, or all where it has fewer


def evaluate(opened: OpenRun, digest: str, most: int, half: Half | None = None) -> EvaluationRecord:
    """Bits per character on at most `most` of the held-out text, or of a half of its blocks, and on
    as much of the training text; done once.
    """
    text = text_to_read(opened, digest, most, half)
    if known := opened.log.evaluation(digest, text.rule, text.characters):
        return known
    record = opened.log.record(digest)
    measured = measure(opened, digest, opened.log.read(record), text)
    return opened.log.add_evaluation(measured)


def known_evaluation(opened: OpenRun, digest: str, most: int) -> EvaluationRecord:
    """As `evaluate`, but nothing is measured: `UnknownObject` where that is left to do."""
    text = text_to_read(opened, digest, most, None)
    if known := opened.log.evaluation(digest, text.rule, text.characters):
        return known
    raise UnknownObject(f"checkpoint {digest} of run {opened.run_id} was not evaluated yet")


class ReadText(NamedTuple):
    """The held-out text that an evaluation reads, and the name of the rule."""

    rule: str | None
    blocks: Blocks
    characters: int | None  # as in the record: None for all that the rule reads


def text_to_read(opened: OpenRun, digest: str, most: int, half: Half | None) -> ReadText:
    """What is read to evaluate a checkpoint.

    Where a decision about it was made by an earlier rule, that rule stays with it. Decisions on a half
    of the text decide nothing about evaluations of all of it.
    """
    held_out, rule = opened.division.held_out, by_blocks
    if half is not None:
        held_out, rule = half_of(held_out, half), rule_of_half[half]
    else:
        decided = Registry(opened.store, opened.model).history().standing(opened.run_id, digest)
        if decided and decided.version.rule is None:
            return ReadText(None, held_out, None)
    if held_out.characters <= most:
        return ReadText(rule, held_out, None)
    chosen = held_out.smallest(most)
    return ReadText(rule, chosen, chosen.characters)


def measure(opened: OpenRun, digest: str, payload: Payload, text: ReadText) -> EvaluationRecord:
    """The evaluation of a training state on a text; nothing is recorded."""
    state, vocabulary = payload
    training = opened.split_for(vocabulary).training
    read = text.blocks.ranges(vocabulary.places_of(text.blocks.vocabulary))[:]
    sample = training[: max(len(read), shortest_training_sample)]
    pieces = [len(sample)] if text.rule is None else None
    bits = held_out_bits(state.parameters, read, text.blocks.ends, text.rule)
    return EvaluationRecord(
        iteration=state.iteration,
        digest=digest,
        train_bits_per_character=bits_per_character(state.parameters, sample, pieces),
        held_out_bits_per_character=bits,
        rule=text.rule,
        characters=text.characters,
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


def best_checkpoint(
    opened: OpenRun, schedule: Schedule, most: int, by: Evaluate = evaluate
) -> CheckpointRecord:
    """The checkpoint to judge: of those evaluated on schedule, and the last, the intact one
    that predicts at most `most` of the held-out text best; where nothing is held out, the last.
    """
    records = {record.iteration: record for record in opened.log.records()}
    last = max(records)
    bits = evaluate_all(opened, {*schedule.evaluations(last), last}, most, by)
    for iteration in sorted(bits, key=lambda iteration: (bits[iteration], -iteration)):
        try:
            opened.log.read(records[iteration])
        except DamagedObject as error:
            warn(error, "not judged")
        else:
            return records[iteration]
    return records[last]


def evaluate_all(
    opened: OpenRun, iterations: Collection[int], most: int, by: Evaluate = evaluate
) -> dict[int, float]:
    """Held-out bits per character of the checkpoints at some iterations that are there.

    What a kill left out, or was measured on another part of the text, is measured now.
    """
    retired, found = opened.log.retired(), {}
    for record in opened.log.records():
        if record.iteration not in iterations or record.digest in retired:
            continue
        try:
            measured = by(opened, record.digest, most)
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
