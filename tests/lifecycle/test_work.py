"""The same work is done once; a new text starts from the champion."""

from __future__ import annotations

import numpy as np
import pytest

from flows.exceptions import CorpusError, DamagedObject, UnknownObject
from flows.lifecycle.evaluation import best_checkpoint, is_exhausted
from flows.lifecycle.work import find_work
from flows.parameters import SamplingOptions
from flows.storage import OpenRun, Registry, Store
from flows.storage.canonical import canonical_json
from flows.storage.registry import Champion
from flows.storage.runs import run_folder
from tests.support.stores import overwrite
from tests.support.texts import some_lines, some_text
from tests.support.work import dataset_of, request, serve, started, train_to

text = "".join(some_lines(320, seed=1))
grown = text + some_text(2, seed=2).replace("a", "ж").replace("b", "☃")


def champion(store: Store) -> Champion:
    found = Registry(store, "m").champion()
    assert found
    return found


def test_the_first_run_starts_from_scratch_and_the_next_text_from_the_champion(
    store: Store,
) -> None:
    first = serve(store, dataset_of(store, text), request())
    second = find_work(store, dataset_of(store, grown), request())

    assert "scratch, since there is no champion" == first.work.starts_from
    assert first.work.run.parent is None
    assert "the champion, version 0" == second.starts_from
    assert champion(store).version.digest == second.run.parent
    assert (1.0, "interleaved") == (second.run.adagrad_decay, second.run.order)
    assert second.schedule.goal == second.schedule.per_epoch  # epochs_warm


def test_a_long_text_forgets_most_of_adagrads_sums(store: Store) -> None:
    serve(store, dataset_of(store, text), request())
    long = dataset_of(store, some_text(110, seed=3))
    assert 0.1 == find_work(store, long, request()).run.adagrad_decay
    asked = request({"adagrad_decay": 0.5})
    assert 0.5 == find_work(store, long, asked).run.adagrad_decay


def test_a_warm_run_has_the_characters_of_both_and_the_champions_weights(store: Store) -> None:
    serve(store, dataset_of(store, text), request())
    before = champion(store).payload
    opened, work = started(store, dataset_of(store, grown), request())

    newest = opened.log.newest()
    assert newest
    state, vocabulary = newest.payload
    assert before.vocabulary.union(opened.dataset.vocabulary) == vocabulary == work.vocabulary
    places = vocabulary.places_of(before.vocabulary)
    np.testing.assert_array_equal(before.state.parameters.Why, state.parameters.Why[places])
    assert (0, before.state.smooth_loss) == (state.iteration, state.smooth_loss)
    assert set("".join(vocabulary.characters)) == set(text + grown)
    train_to(opened, work, work.schedule.goal)
    assert opened.vocabulary == vocabulary


def test_characters_that_vanished_are_kept(store: Store) -> None:
    serve(store, dataset_of(store, grown), request())
    opened, work = started(store, dataset_of(store, text), request())
    assert set(grown) == set(work.vocabulary.characters)
    assert train_to(opened, work, work.schedule.goal) == work.schedule.goal


def test_a_vocabulary_above_the_maximum_is_refused(store: Store) -> None:
    serve(store, dataset_of(store, text), request())
    size = len(set(text))
    with pytest.raises(CorpusError, match=rf"expected at most {size}: .*\.maximum_vocabulary"):
        find_work(store, dataset_of(store, grown), request(maximum_vocabulary=size))
    with pytest.raises(CorpusError, match="expected at most 2"):
        find_work(store, dataset_of(store, text), request(maximum_vocabulary=2))


def test_a_text_of_one_character_is_refused_before_anything_is_written(store: Store) -> None:
    with pytest.raises(CorpusError, match="has 1 distinct character, expected at least 2"):
        find_work(store, dataset_of(store, "a" * 9000), request())


def test_the_same_text_again_is_the_same_work_whoever_is_champion_now(store: Store) -> None:
    """Also where its run started from an earlier champion."""
    old, new = dataset_of(store, text), dataset_of(store, grown)
    first = serve(store, old, request())
    second = serve(store, new, request(), minimum_gain=0)
    for dataset, expected in ((old, first), (new, second)):
        again = serve(store, dataset, request())
        assert expected.work.run == again.work.run
        assert again.work.is_done
        assert 0 == again.iterations
        assert expected.decision.version.digest == again.decision.version.digest
    assert ["scratch", "version 0"] == [
        find_work(store, dataset, request()).starts_from for dataset in (old, new)
    ]


def test_epochs_checkpoints_and_sampling_make_no_other_work(store: Store) -> None:
    dataset = dataset_of(store, text)
    first = serve(store, dataset, request())
    for changes in ({"epochs": 1}, {"epochs_warm": 7}, {"checkpoint_every": 13}):
        work = find_work(store, dataset, request(changes))
        assert (first.work.run, True) == (work.run, work.is_done)
    more = serve(store, dataset, request({"epochs": 5}))
    assert (first.work.run, 3 * more.work.schedule.per_epoch) == (more.work.run, more.iterations)


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 0.02}, {"order": "interleaved"}, {"batch_size": 2}]
)
def test_other_options_are_other_work(store: Store, changes: dict[str, object]) -> None:
    dataset = dataset_of(store, text)
    serve(store, dataset, request())
    work = find_work(store, dataset, request(changes))
    assert ("the champion, version 0", False) == (work.starts_from, work.is_done)


def test_an_interrupted_run_goes_on_from_its_own_parent(store: Store) -> None:
    """Though the champion has changed meanwhile; it ends with the same bytes."""
    new = dataset_of(store, grown)
    serve(store, dataset_of(store, text), request())
    opened, work = started(store, new, request())
    train_to(opened, work, 5)
    serve(
        store, dataset_of(store, some_text(14, seed=9)), request(), minimum_gain=0, judge_on="new"
    )

    again = find_work(store, new, request())

    assert (work.run, False) == (again.run, again.is_done)
    assert "version 0" == again.starts_from


@pytest.mark.parametrize("start", ["scratch", 0])
def test_an_explicit_start_has_to_agree_with_the_run(store: Store, start: str | int) -> None:
    """A warm run is no answer to a request to start from scratch, nor the other way round."""
    new = dataset_of(store, grown)
    serve(store, dataset_of(store, text), request())
    warm = serve(store, new, request()).work.run
    work = find_work(store, new, request({"start_from": start}))
    assert (start == 0) == (work.run == warm)
    scratch = find_work(store, dataset_of(store, text), request({"start_from": 0}))
    assert scratch.run.parent == champion_digest(store, 0)


def champion_digest(store: Store, number: int) -> str:
    return Registry(store, "m").version(number).version.digest


def test_force_trains_again_from_the_champion(store: Store) -> None:
    dataset = dataset_of(store, text)
    first = serve(store, dataset, request())
    forced = serve(store, dataset, request(force=True), judge_on="new")
    assert first.work.run != forced.work.run
    assert first.decision.version.digest == forced.work.run.parent
    assert forced.iterations > 0


def test_another_shape_starts_from_scratch_and_says_so(store: Store) -> None:
    dataset = dataset_of(store, text)
    serve(store, dataset, request())
    work = find_work(store, dataset, request({"hidden_size": 9, "dtype": "float64"}))
    expected = "scratch, since version 0 has hidden_size 8, not 9, dtype float32, not float64"
    assert (None, expected) == (work.run.parent, work.starts_from)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"start_from": "champion", "dtype": "float64"}, "has dtype float32, not float64: ask for"),
        ({"start_from": 0, "hidden_size": 9}, "version 0 .* has hidden_size 8, not 9"),
        ({"start_from": 7}, "model m has no version 7: they are 0 to 0"),
    ],
)
def test_an_explicit_start_that_cannot_be_is_an_error(
    store: Store, changes: dict[str, object], message: str
) -> None:
    dataset = dataset_of(store, text)
    serve(store, dataset, request())
    with pytest.raises(UnknownObject, match=message):
        find_work(store, dataset, request(changes))


def test_a_champion_that_is_asked_for_has_to_be_there(store: Store) -> None:
    with pytest.raises(UnknownObject, match="model m has no champion to start from"):
        find_work(store, dataset_of(store, text), request({"start_from": "champion"}))


def test_a_decision_answers_for_a_run_that_was_removed_until_the_champion_changes(
    local: Store,
) -> None:
    old, new = dataset_of(local, text), dataset_of(local, grown)
    serve(local, old, request())
    rejected = serve(local, new, request(), minimum_gain=9)
    assert "rejected" == rejected.decision.version.decision
    folder = run_folder("m", rejected.work.run.run_id)
    for part in ("log", "data", ""):
        for name in local.names(f"{folder}/{part}".rstrip("/")):
            if part or name == "run.json":
                local.remove(f"{folder}/{part}/{name}" if part else f"{folder}/{name}")

    work = find_work(local, new, request())
    assert work.answer
    assert (1, True) == (work.answer.number, work.is_done)
    assert rejected.work.run == work.run
    assert find_work(local, new, request(force=True)).answer is None
    assert find_work(local, new, request({"epochs_warm": 9})).answer is None
    better = request({"epochs": 30, "start_from": "scratch"})
    assert "promoted" == serve(local, old, better).decision.version.decision
    assert find_work(local, new, request()).answer is None


def test_a_corrupt_description_of_the_run_is_an_error_and_of_another_run_is_not(
    store: Store,
) -> None:
    dataset = dataset_of(store, text)
    other = serve(store, dataset, request({"learning_rate": 0.05})).work.run
    run = serve(store, dataset, request({"start_from": "scratch"})).work.run
    overwrite(store, f"{run_folder('m', other.run_id)}/run.json", canonical_json({"format": 0}))
    store.cache.forget(f"{run_folder('m', other.run_id)}/run.json")
    assert run == find_work(store, dataset, request({"start_from": "scratch"})).run
    overwrite(store, f"{run_folder('m', run.run_id)}/run.json", b"damaged")
    store.cache.forget(f"{run_folder('m', run.run_id)}/run.json")
    with pytest.raises(DamagedObject, match=r"run\.json"):
        find_work(store, dataset, request({"start_from": "scratch"}))


def test_a_run_that_lost_its_payloads_starts_again_from_its_parent(store: Store) -> None:
    serve(store, dataset_of(store, text), request())
    dataset = dataset_of(store, grown)
    opened, work = started(store, dataset, request())
    first = opened.log.records()[0]
    store.remove(opened.log.payload_path(first.digest))

    again = find_work(store, dataset, request())
    opened, _ = started(store, dataset, request())

    assert (work.run, work.vocabulary) == (again.run, again.vocabulary)
    assert [first.digest] == [record.digest for record in opened.log.records()]
    assert isinstance(opened, OpenRun)


def test_patience_stops_a_run_and_the_best_checkpoint_is_judged(store: Store) -> None:
    """Stopped and started again at any place, it ends at the same iteration."""
    dataset = dataset_of(store, text)
    options = {"epochs": 60, "learning_rate": 0.9}
    evaluation = {"patience": 2, "evaluate_every": 1}
    served = serve(store, dataset, request(options, evaluation=evaluation))
    per_epoch = served.work.schedule.per_epoch
    assert served.iterations < 60 * per_epoch
    assert served.iterations - 2 * per_epoch == served.decision.version.iteration
    again = serve(store, dataset, request(options, evaluation=evaluation))
    assert (0, True) == (again.iterations, again.work.is_done)

    asked = request(options, evaluation=evaluation, model="stopped")
    opened, work = started(store, dataset, asked)
    while not is_exhausted(opened, work.schedule, patience=2):
        assert train_to(opened, work, opened.log.records()[-1].iteration + 333)
    assert served.iterations == opened.log.records()[-1].iteration
    assert served.decision.version.digest == best_checkpoint(opened, work.schedule, 10**6).digest


def test_the_best_of_the_evaluated_checkpoints_is_judged(store: Store) -> None:
    """Of those at epochs 1, 2, 3, 4, 6 … and the end, whatever `checkpoint_every` is."""
    asked = request({"epochs": 7, "learning_rate": 0.9, "checkpoint_every": 50})
    served = serve(store, dataset_of(store, text), asked)
    opened = OpenRun(store, "m", served.work.run.run_id)
    measured = {
        e.iteration: e.held_out_bits_per_character
        for e in opened.log.evaluations()
        if e.held_out_bits_per_character is not None
    }
    per_epoch = served.work.schedule.per_epoch
    assert {1, 2, 3, 4, 6} <= {iteration / per_epoch for iteration in measured}
    assert min(measured, key=measured.__getitem__) == served.decision.version.iteration


def test_a_priming_text_has_the_characters_of_the_run(store: Store) -> None:
    """Those that the text of tonight lacks, and the champion knows, too."""
    serve(store, dataset_of(store, grown), request())
    dataset, sampling = dataset_of(store, text), SamplingOptions(priming="☃")
    assert "☃" in find_work(store, dataset, request(sampling=sampling)).vocabulary.characters
    with pytest.raises(CorpusError, match="the priming text has '☃'"):
        find_work(store, dataset, request({"start_from": "scratch"}, sampling=sampling))
