"""Every candidate is measured, and on the same text as the others, whatever a kill left out."""

from __future__ import annotations

from typing import NoReturn

import pytest

from flows.lifecycle import chunk
from flows.lifecycle.choosing import roll_back
from flows.lifecycle.evaluation import best_checkpoint, evaluate, is_exhausted
from flows.lifecycle.referring import version_reference
from flows.lifecycle.work import find_work
from flows.storage import OpenRun, Store
from flows.storage.retirement import remove_run
from flows.storage.runs import save_run
from tests.support.stores import overwrite
from tests.support.texts import some_lines, some_text
from tests.support.work import dataset_of, request, serve, started, train_to

text = "".join(some_lines(320, seed=1))


def test_an_evaluation_that_a_kill_left_out_is_made_before_training_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So patience stops the run at the same place, and every candidate is judged."""
    asked = request({"epochs": 4}, evaluation={"patience": 9, "evaluate_every": 1})
    opened, work = started(store, dataset_of(store, text), asked)

    def killed(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(chunk, "evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            train_to(opened, work, work.schedule.goal)
    assert [] == opened.log.evaluations()
    train_to(opened, work, work.schedule.goal)

    expected = list(work.schedule.evaluations(work.schedule.goal))
    assert expected == sorted(found.iteration for found in opened.log.evaluations())


def test_candidates_are_compared_on_the_same_part_of_the_text(store: Store) -> None:
    """Also where `evaluation.maximum_characters` is another tonight."""
    options = {"epochs": 7, "learning_rate": 0.9}
    served = serve(store, dataset_of(store, some_text(40, seed=4)), request(options))
    opened, most = OpenRun(store, "m", served.work.run.run_id), 1500

    best = best_checkpoint(opened, served.work.schedule, most)

    read = opened.division.held_out.by_digest().first(most).characters
    bits = {
        found.iteration: found.held_out_bits_per_character or 0.0
        for found in opened.log.evaluations()
        if found.characters == read
    }
    per_epoch = served.work.schedule.per_epoch
    assert {per_epoch * epoch for epoch in (1, 2, 3, 4, 6, 7)} == set(bits)
    assert min(bits, key=bits.__getitem__) == best.iteration


def test_a_run_whose_patience_ran_out_stays_so_on_another_part_of_the_text(store: Store) -> None:
    options = {"epochs": 60, "learning_rate": 0.9}
    evaluation = {"patience": 2, "evaluate_every": 1}
    dataset = dataset_of(store, some_text(40, seed=4))
    served = serve(store, dataset, request(options, evaluation=evaluation))
    opened = OpenRun(store, "m", served.work.run.run_id)
    evaluate(opened, opened.log.records()[-1].digest, 1500)
    assert is_exhausted(opened, served.work.schedule, patience=2)


def test_a_corrupt_best_checkpoint_is_not_judged_but_the_next_best_is(store: Store) -> None:
    served = serve(store, dataset_of(store, text), request({"epochs": 3, "learning_rate": 0.05}))
    opened, schedule = OpenRun(store, "m", served.work.run.run_id), served.work.schedule
    best = best_checkpoint(opened, schedule, 10**6)
    overwrite(store, opened.log.payload_path(best.digest), b"damaged")
    found = best_checkpoint(opened, schedule, 10**6)
    bits = {one.digest: one.held_out_bits_per_character or 0.0 for one in opened.log.evaluations()}
    assert [best.digest, found.digest] == sorted(bits, key=bits.__getitem__)[:2]


def test_a_run_starts_from_a_checkpoint_that_another_run_has_too(store: Store) -> None:
    """With patience the bytes are the same; its run was removed, and the champion's is there."""
    dataset, scratch = dataset_of(store, text), {"start_from": "scratch"}
    first = serve(store, dataset, request(scratch))
    patient = serve(store, dataset, request(scratch, evaluation={"patience": 9}), minimum_gain=9)
    assert first.decision.version.digest == patient.decision.version.digest
    remove_run(store, "m", patient.work.run.run_id)
    opened, work = started(store, dataset_of(store, text + text[:3000]), request())
    assert first.decision.version.digest == work.run.parent
    assert opened.log.newest()


def test_a_decision_that_was_rolled_back_stands_and_says_so(store: Store) -> None:
    serve(store, dataset_of(store, text), request({"learning_rate": 0.0001}))
    later = dataset_of(store, text[5000:])
    assert not serve(
        store, later, request(), minimum_gain=0, judge_on="new"
    ).decision.is_rolled_back
    roll_back(store, "m", 0, "")
    again = serve(store, later, request()).decision
    assert (1, False, True) == (again.number, again.is_new, again.is_rolled_back)
    assert "rolled_back" == version_reference(again).decision


def test_a_run_without_checkpoint_whose_parent_is_gone_is_not_taken_up(local: Store) -> None:
    """It was killed when it began; the text is trained on from the champion of now."""
    first = serve(local, dataset_of(local, text), request({"learning_rate": 0.0001}))
    later = dataset_of(local, some_text(60, seed=2))
    save_run(local, "m", find_work(local, later, request()).run)
    champion = serve(local, dataset_of(local, some_text(61, seed=3)), request(), judge_on="new")
    remove_run(local, "m", first.work.run.run_id)
    work = find_work(local, later, request())
    assert ("the champion, version 1", False) == (work.starts_from, work.is_done)
    assert champion.decision.version.digest == work.run.parent
