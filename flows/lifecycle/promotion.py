"""Promotion: what is measured to decide whether a checkpoint becomes its model's champion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from flows.exceptions import DamagedObject, UnknownObject
from flows.lifecycle.comparison import Side, compare
from flows.lifecycle.evaluation import evaluate
from flows.lifecycle.verdict import Measured, Verdict, verdict_on_first, verdict_on_later
from flows.parameters import PromotionOptions
from flows.storage.checkpoints import EvaluationRecord
from flows.storage.damage import warn
from flows.storage.open_run import OpenRun
from flows.storage.payload import Payload
from flows.storage.registry import Champion, Decision, Registry
from flows.storage.versions import Comparison, Copied, Finding, History, Version
from flows.text import Blocks, Half, half_of
from flows.text.copying import copied_shares

copied_lengths = (10, 20, 40)  # characters; at 10 much of a language is the same anywhere
least_excerpt = 10_000  # characters of the held-out text
at_once = 1 << 22  # tokens that are counted together
nothing = np.empty(0, np.uint64)  # of blocks that are not known


class Judging(BaseModel):
    """How decisions are made, as it was asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    options: PromotionOptions
    most: int  # characters of held-out text to read
    kept_versions: int  # that a rollback can go to
    best_of: int | None = None  # runs, of which the blocks of even digest chose this one

    @property
    def half(self) -> Half | None:
        """The blocks to decide on: those that chose nothing; None for all."""
        return None if self.best_of is None else "odd"


class Case(NamedTuple):
    """What a decision is about: a checkpoint, how it was measured, and what was asked for."""

    opened: OpenRun
    measured: EvaluationRecord
    payload: Payload
    corpus: tuple[str, ...]
    goal: int  # iterations that were asked for
    judging: Judging
    findings: Sequence[Finding] = ()
    samples: Sequence[str] = ()

    @classmethod
    def of(
        cls,
        opened: OpenRun,
        digest: str,
        corpus: tuple[str, ...],
        goal: int,
        judging: Judging,
        findings: Sequence[Finding],
        samples: Sequence[str] = (),
    ) -> Case:
        """The case of a checkpoint of a run."""
        measured = evaluate(opened, digest, judging.most, judging.half)
        payload = opened.log.read(opened.log.record(digest))
        return cls(opened, measured, payload, corpus, goal, judging, findings, samples)

    def held_out(self, run: OpenRun) -> Blocks:
        """The held-out text of a run, as far as the decision is made on it."""
        blocks = run.division.held_out
        return blocks if self.judging.half is None else half_of(blocks, self.judging.half)


def promote_or_reject(case: Case) -> Decision:
    """Decide about a checkpoint; an earlier decision about it stands while the champion is the
    same.
    """
    registry = Registry(case.opened.store, case.opened.model)
    return registry.decide(case.opened.run_id, case.measured.digest, partial(judge, case))


def judge(case: Case, history: History, champion: Champion | None) -> Version:
    """The decision about a checkpoint, given the decisions before it and the present champion."""
    measured = case.measured
    comparisons: tuple[Comparison, ...] = ()
    if champion is None or measured.held_out_bits_per_character is None:
        verdict = _alone(case)
    else:
        comparisons = tuple(_comparisons(case, history, champion))
        verdict = verdict_on_later(
            case.judging.options, champion.number, comparisons, _notes(case, champion, comparisons)
        )
    opened = case.opened
    dataset = opened.dataset
    new = next((found for found in comparisons if found.text == "new"), None)
    return Version(
        decision="promoted" if verdict.promoted else "rejected",
        reason="; ".join([verdict.reason, *_selection(case.judging)]),
        run_id=opened.run_id,
        iteration=measured.iteration,
        digest=measured.digest,
        bits_per_character=measured.held_out_bits_per_character,
        champion=champion.number if champion else None,
        champion_bits_per_character=new.other_bits_per_character if new else None,
        rule=measured.rule,
        best_of=case.judging.best_of,
        judge_on=case.judging.options.judge_on,
        comparisons=comparisons,
        lost_bits=_lost_bits(champion, comparisons),
        copied=_copied(case),
        warnings=(*(f.sentence for f in case.findings), *verdict.warnings),
        findings=tuple(case.findings),
        goal=case.goal,
        parent=opened.run.parent,
        dataset_id=dataset.dataset_id,
        corpus=case.corpus,
        characters=dataset.characters,
        vocabulary_size=len(case.payload.vocabulary),
    )


def _alone(case: Case) -> Verdict:
    """The verdict where there is nothing to compare."""
    if (own := case.measured.held_out_bits_per_character) is None:
        return Verdict(promoted=True, reason="no text is held out, so nothing was compared")
    state, vocabulary = case.payload
    blocks = case.held_out(case.opened)
    held_out = blocks.ranges(vocabulary.places_of(blocks.vocabulary))
    counts = np.zeros(len(vocabulary), np.int64)
    for start in range(0, len(held_out), at_once):
        counts += np.bincount(held_out[start : start + at_once], minlength=len(vocabulary))
    shares = counts[counts > 0] / len(held_out)
    return verdict_on_first(
        Measured(
            bits=own,
            uniform_bits=math.log2(len(vocabulary)),
            order_0_bits=-float(np.sum(shares * np.log2(shares))),
            characters=len(vocabulary),
            learning_rate=state.hyperparameters.learning_rate,
        )
    )


def _comparisons(case: Case, history: History, champion: Champion) -> list[Comparison]:
    """With the champion on the new text and on its own, and with the oldest version on its own."""
    opened = case.opened
    mine = Side(case.payload, opened.division.training.digests)
    reigning = _run_of(opened, champion)
    theirs = Side(champion.payload, reigning.division.training.digests if reigning else nothing)
    rest = case.judging.most, opened.run.seed
    found = [compare("new", champion.number, case.held_out(opened), mine, theirs, *rest)]
    if reigning:
        texts = case.held_out(reigning)
        found.append(compare("champion", champion.number, texts, mine, theirs, *rest))
    oldest = _oldest(case, history)
    if oldest and oldest.number != champion.number and (run := _run_of(opened, oldest)):
        side = Side(oldest.payload, run.division.training.digests)
        found.append(compare("oldest", oldest.number, case.held_out(run), mine, side, *rest))
    return [comparison for comparison in found if comparison]


def _oldest(case: Case, history: History) -> Champion | None:
    """The oldest version that a rollback could go to, since text was last changed on purpose."""
    registry = Registry(case.opened.store, case.opened.model)
    kept = [
        history.get(number) for number in islice(history.champions(), case.judging.kept_versions)
    ]
    entries = []
    for entry in filter(None, kept):
        entries.append(entry)
        if entry.version.decided_by == "hand" or entry.version.judge_on == "new":
            break
    for entry in reversed(entries):
        try:
            return registry.checkpoint(entry)
        except (DamagedObject, UnknownObject) as error:
            warn(DamagedObject(f"version {entry.number}", str(error)), "not compared with")
    return None


def _run_of(opened: OpenRun, version: Champion) -> OpenRun | None:
    """The run of a version, if its text is there."""
    run = OpenRun(opened.store, opened.model, version.version.run_id)
    try:
        run.division  # noqa: B018 - reads it
    except (DamagedObject, UnknownObject) as error:
        warn(DamagedObject(f"the text of version {version.number}", str(error)), "not compared on")
        return None
    return run


def _selection(judging: Judging) -> list[str]:
    """How the checkpoint was selected, in words, where it was."""
    if judging.best_of is None:
        return []
    chosen = f"the best of {judging.best_of} runs by the held-out blocks of even digest"
    return [f"{chosen}, measured here on those of odd digest"]


def _notes(case: Case, champion: Champion, comparisons: Sequence[Comparison]) -> list[str]:
    """What a reader of the comparison should know."""
    if (reigning := _run_of(case.opened, champion)) is None:
        return [f"the text of version {champion.number} is not there to compare on"]
    notes = []
    if "champion" not in {found.text for found in comparisons}:
        notes.append(
            f"of the text of version {champion.number} nothing is held out that neither was trained"
            " on"
        )
    mine, theirs = case.opened.run, reigning.run
    if (mine.held_out, mine.split) != (theirs.held_out, theirs.split):
        notes.append(
            f"version {champion.number} held out {theirs.held_out:g} of its text by {theirs.split},"
            f" this run {mine.held_out:g} by {mine.split}"
        )
    return notes


def _lost_bits(champion: Champion | None, comparisons: Sequence[Comparison]) -> float | None:
    """Bits lost on champions' own texts since the last promotion by hand, this decision's too."""
    own = next((found for found in comparisons if found.text == "champion"), None)
    if champion is None:
        return None
    before = champion.version.lost_bits
    return before if own is None else (before or 0.0) - own.gain


def _copied(case: Case) -> dict[str, Copied]:
    """How much of the samples, and of the held-out text, stands in the training text, by length."""
    if not case.samples:
        return {}
    division = case.opened.division
    vocabulary = case.opened.dataset.vocabulary
    characters, code = vocabulary.code_points, "utf-32-le"
    if vocabulary.unit == "byte":
        characters, code = characters.astype(np.uint8), "utf-8"
    training, held_out = division.training.ranges(characters), division.held_out.ranges(characters)
    drawn = [np.frombuffer(text.encode(code), characters.dtype) for text in case.samples]
    excerpt = held_out[: max(sum(map(len, drawn)), least_excerpt)]
    sizes = np.array([len(text) for text in (*drawn, excerpt)])
    tokens = np.concatenate([*drawn, excerpt])
    shares = copied_shares(tokens, np.cumsum(sizes), training, copied_lengths)
    of_samples = _together(shares[:-1], sizes[:-1])
    of_text = _together(shares[-1:], sizes[-1:])
    return {
        str(length): Copied(samples=of_samples[at], held_out_text=of_text[at])
        for at, length in enumerate(copied_lengths)
    }


def _together(shares: NDArray[np.float64], sizes: NDArray[np.int64]) -> list[float | None]:
    """The share of the windows of all texts together, by length; None where all are shorter."""
    windows = np.maximum(0, sizes[:, None] - copied_lengths + 1)
    hits = np.rint(np.nansum(shares * windows, axis=0))
    total = windows.sum(axis=0)
    return [float(h / n) if n else None for h, n in zip(hits, total, strict=True)]
