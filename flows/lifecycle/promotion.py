"""Promotion: a checkpoint becomes its model's champion if it predicts held-out text better."""

from __future__ import annotations

from functools import partial

from flows.exceptions import CorpusError
from flows.lifecycle.evaluation import held_out_bits
from flows.storage.checkpoints import EvaluationRecord
from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Champion, Decision, Registry, Version


def promote_or_reject(opened: OpenRun, measured: EvaluationRecord) -> Decision:
    """Decide about a checkpoint; an earlier decision about it is kept."""
    registry = Registry(opened.store, opened.model)
    return registry.decide(opened.run_id, measured.digest, partial(judge, opened, measured))


def judge(opened: OpenRun, measured: EvaluationRecord, champion: Champion | None) -> Version:
    """The decision about a checkpoint, given the present champion."""
    own = measured.held_out_bits_per_character
    theirs: float | None = None
    better = True
    if champion is None:
        reason = "there was no champion"
    elif own is None:
        reason = "nothing is held out to compare on"
    else:
        try:
            theirs = _champion_bits(champion.payload, opened, measured.rule)
        except CorpusError:
            reason = f"version {champion.number}'s vocabulary lacks characters of the held-out text"
        if theirs is not None:
            better = own < theirs
            reason = (
                f"{own:.3f} bits per character on the held-out text,"
                f" version {champion.number} has {theirs:.3f}"
            )
    return Version(
        decision="promoted" if better else "rejected",
        reason=reason,
        run_id=opened.run_id,
        iteration=measured.iteration,
        digest=measured.digest,
        bits_per_character=own,
        champion=champion.number if champion else None,
        champion_bits_per_character=theirs,
        rule=measured.rule,
    )


def _champion_bits(champion: Payload, opened: OpenRun, rule: str | None) -> float | None:
    """Bits per character of a champion on the held-out text of a run, block by block as there."""
    _, held_out, block_ends = opened.split
    tokens = champion.vocabulary.encode(opened.vocabulary.decode(held_out))
    return held_out_bits(champion.state.parameters, tokens, block_ends, rule)
