"""A half of the held-out text has a rule of its own: nothing on it is mixed with the whole."""

from __future__ import annotations

import numpy as np
import pytest

from flows.exceptions import CorpusError
from flows.lifecycle.evaluation import best_checkpoint, comparable_bits, evaluate
from flows.lifecycle.promotion import Case, Judging, promote_or_reject
from flows.lifecycle.sweeps.cells import cells_of
from flows.lifecycle.sweeps.plan import plan_cells
from flows.lifecycle.work import Work
from flows.parameters import PromotionOptions, SweepOptions
from flows.storage import OpenRun, Store
from flows.storage.registry import Decision
from flows.text import Half, half_of
from rnncore import bits_per_character
from tests.support.texts import some_text
from tests.support.work import dataset_of, request, started, train_to

text = some_text(30)
held_out = {"held_out": 0.4}


def trained(store: Store, seed: int = 0) -> tuple[OpenRun, Work]:
    """A run with checkpoints at its two epochs."""
    opened, work = started(store, dataset_of(store, text), request(seed=seed, evaluation=held_out))
    train_to(opened, work, work.schedule.goal)
    return opened, work


def decide(opened: OpenRun, work: Work, best_of: int | None) -> Decision:
    """The decision on the last checkpoint of a run."""
    judging = Judging(options=PromotionOptions(), most=10**6, kept_versions=10, best_of=best_of)
    digest = opened.log.records()[-1].digest
    return promote_or_reject(Case.of(opened, digest, ("a.txt",), work.schedule.goal, judging, ()))


@pytest.mark.parametrize(("half", "rest"), [("even", 0), ("odd", 1)])
def test_a_half_is_the_blocks_of_its_digests(store: Store, half: Half, rest: int) -> None:
    opened, _ = trained(store)
    newest = opened.log.newest()
    assert newest
    blocks = opened.division.held_out
    expected = blocks.select(np.array([int(digest) % 2 == rest for digest in blocks.digests]))
    network = newest.payload.state.parameters

    measured = evaluate(opened, newest.record.digest, 10**6, half)

    assert 0 < len(expected) < len(blocks)
    bits = bits_per_character(network, expected.joined(), expected.ends)
    assert bits == measured.held_out_bits_per_character
    assert (f"blocks-{half}", None) == (measured.rule, measured.characters)


def test_a_half_is_read_up_to_so_many_characters(store: Store) -> None:
    opened, _ = trained(store)
    digest = opened.log.records()[-1].digest
    measured = evaluate(opened, digest, 3000, "odd")

    smallest = half_of(opened.division.held_out, "odd").smallest(3000)
    assert smallest.characters == measured.characters
    assert measured != evaluate(opened, digest, 10**6, "odd")


def test_bits_on_a_half_are_not_compared_with_bits_on_all(store: Store) -> None:
    opened, work = trained(store)
    first, last = opened.log.records()[1].digest, opened.log.records()[-1].digest
    before = comparable_bits(opened.log.evaluations())

    for half in ("even", "odd"):
        evaluate(opened, first, 10**6, half)

    assert before == comparable_bits(opened.log.evaluations())
    assert "blocks" == evaluate(opened, last, 10**6).rule
    assert 2 == len(before)
    best = best_checkpoint(opened, work.schedule, 10**6)
    assert min(before, key=lambda digest: before[digest]) == best.digest


def test_a_selected_checkpoint_is_judged_on_the_odd_blocks_and_the_record_says_so(
    store: Store,
) -> None:
    """Both on the odd blocks: those of the champion, too."""
    first = decide(*trained(store), best_of=None)
    opened, work = trained(store, seed=1)
    odd = half_of(opened.division.held_out, "odd")

    decided = decide(opened, work, best_of=7).version

    assert (None, "blocks") == (first.version.best_of, first.version.rule)
    assert (7, "blocks-odd") == (decided.best_of, decided.rule)
    assert "the best of 7 runs by the held-out blocks of even digest" in decided.reason
    counts = {found.text: found.characters for found in decided.comparisons}
    scored = odd.characters - len(odd)  # the first of each block is given
    assert {"new": scored, "champion": scored} == counts


def test_a_decision_on_a_half_does_not_change_how_all_is_measured(store: Store) -> None:
    """A retrain after a sweep finds the same best checkpoint as one without a sweep before it."""
    opened, work = trained(store)
    digest = opened.log.records()[-1].digest
    decide(opened, work, best_of=2)

    assert "blocks" == evaluate(opened, digest, 10**6).rule
    assert digest == best_checkpoint(opened, work.schedule, 10**6).digest


def test_a_text_without_blocks_for_both_halves_is_refused(store: Store) -> None:
    sweep = SweepOptions(options={"seed": [0, 1]})
    for share in (0.0, 0.01):
        base = request(evaluation={"held_out": share})
        with pytest.raises(CorpusError, match=r"at least one of each .*evaluation\.held_out"):
            plan_cells(store, dataset_of(store, text), cells_of(base, sweep), sweep)


def test_a_cell_that_the_text_is_too_short_for_is_named(store: Store) -> None:
    sweep = SweepOptions(options={"training.batch_size": [1, 8000]})
    cells = cells_of(request(evaluation=held_out), sweep)
    with pytest.raises(
        CorpusError, match=r"cell 2 \(training.batch_size 8000\): the training text"
    ):
        plan_cells(store, dataset_of(store, text), cells, sweep)
