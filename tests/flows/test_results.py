"""What a run of `retrain` says came of it."""

from __future__ import annotations

from typing import Literal

import pytest

from flows.references import (
    CheckpointRef,
    DatasetRef,
    MeasuredRef,
    ReportRef,
    RunRef,
    StartRef,
    VersionRef,
    WorkRef,
)
from flows.results import RetrainResult, retrain_result

run = RunRef(store="s", model="m", run_id="r", dataset_id="d", corpus=())


def at(iteration: int) -> CheckpointRef:
    return CheckpointRef(run=run, iteration=iteration, digest="", url="", characters_per_second=9)


def trained(
    first: int, *, is_new: bool, decision: Literal["promoted", "rolled_back"] = "promoted"
) -> RetrainResult:
    """Of a run that went on from iteration `first` to 70, and whose best is at 60."""
    work = WorkRef(
        run=run, parent=None, starts_from="scratch", vocabulary_size=9, iterations_per_epoch=10,
        goal=70, checkpoint_every=10, evaluate_every=None, is_done=False,
    )  # fmt: skip
    measured = MeasuredRef(
        checkpoint=at(60), train_bits_per_character=2, held_out_bits_per_character=2
    )
    decided = VersionRef(
        number=3, decision=decision, reason="better", champion=3,
        champion_bits_per_character=3, is_new=is_new,
    )  # fmt: skip
    return retrain_result(
        DatasetRef(store="s", dataset_id="d", url="", characters=9, vocabulary_size=9, corpus=()),
        StartRef(work=work, checkpoint=at(first)),
        at(70),
        measured,
        decided,
        ReportRef(store="s", report_id="r", url="", rows=1),
        seconds=1.0,
    )


@pytest.mark.parametrize(
    ("first", "is_new", "outcome", "sentence"),
    [
        (60, True, "promoted", "promoted as version 3: better"),
        (70, True, "promoted", "promoted as version 3: better"),
        (70, False, "unchanged", "nothing new to train; promoted as version 3: better"),
        (
            60,
            False,
            "unchanged",
            "trained, but nothing better found; promoted as version 3: better",
        ),
    ],
)
def test_the_outcome_is_of_this_run_and_not_of_one_before(
    first: int, is_new: bool, outcome: Literal["promoted", "unchanged"], sentence: str
) -> None:
    found = trained(first, is_new=is_new)
    assert (outcome, sentence) == (found.outcome, found.sentence)


def test_what_a_person_rolled_back_is_not_called_promoted() -> None:
    found = trained(70, is_new=False, decision="rolled_back")
    assert "nothing new to train; version 3 was rolled back" == found.sentence
