"""Each retrain removes what is not kept; a night without news removes nothing, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows import dry_run
from flows.dry_run import make_plan
from flows.exceptions import CheckpointRetired, UnknownObject
from flows.parameters import RetentionOptions
from flows.retention import retention
from flows.retention_result import RetentionResult
from flows.storage.log import Log
from flows.storage.open_run import OpenRun
from flows.storage.registry import Registry
from flows.storage.retirement import Retirement, removal
from flows.storage.runs import run_folder
from flows.storage.stores import open_store
from tests.support.flows import files_below, retrained
from tests.support.retention import iterations
from tests.support.stores import reopened

Options = Callable[..., dict[str, Any]]
few = {"latest": 1, "best": 1, "versions": 1}
all_of_them = {"latest": 1000}


def retain(store: Path) -> RetentionResult:
    return retention(store=str(store), retention=RetentionOptions(**few))


def runs_in(store: Path) -> set[str]:
    return {path.parent.name for path in store.glob("models/default/runs/*/run.json")}


def test_a_night_keeps_few_checkpoints_and_the_whole_loss_curve(
    options: Options, store: Path
) -> None:
    done = retrained(options(training={"checkpoint_every": 100}, retention=few))

    opened = OpenRun(open_store(str(store)), "default", done.run_id)
    assert {done.iteration, done.end_iteration} == set(iterations(opened.log))
    assert 10 == len(opened.log.records())


def test_an_unchanged_night_changes_no_file(
    options: Options, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flows.corpus.fingerprint.fresh_seconds", 0)
    chosen = options(training={"checkpoint_every": 100}, retention=few)
    retrained(chosen)
    before = {path: path.read_bytes() for path in files_below(store)}

    tighter = chosen | {"retention": RetentionOptions(latest=1, best=0, versions=1)}
    assert "unchanged" == retrained(tighter).outcome
    assert before == {path: path.read_bytes() for path in files_below(store)}


def test_a_run_goes_on_from_what_is_kept_with_the_same_bytes(options: Options) -> None:
    for model, keep in (("few", few), ("all", all_of_them)):
        retrained(options(model=model, retention=keep, training={"checkpoint_every": 100}))
    few_kept, all_kept = (
        retrained(options(model=model, training={"epochs": 4})) for model in ("few", "all")
    )
    assert few_kept.trained_iterations == all_kept.trained_iterations > 0
    assert few_kept.checkpoint_digest == all_kept.checkpoint_digest


def test_a_removed_run_is_answered_by_its_decision(
    options: Options, store: Path, corpus: Path, text: str
) -> None:
    """Until the champion changes; its dataset is there, since the flow has taken it up."""
    retrained(options())
    first = runs_in(store)
    corpus.write_text(text + text[:1500].upper())
    rejected = retrained(options(training={"start_from": "scratch", "epochs": 1}, retention=few))
    assert "rejected" == rejected.outcome
    corpus.write_text(text + text[:3000].upper())
    again = options(training={"start_from": "scratch", "epochs": 1}, retention=few)
    assert "rejected" == retrained(again).outcome
    assert rejected.run_id not in runs_in(store)
    assert first < runs_in(store)

    corpus.write_text(text + text[:1500].upper())
    answer = retrained(options(training={"start_from": "scratch", "epochs": 1}, retention=few))
    assert ("unchanged", rejected.version) == (answer.outcome, answer.version)
    with pytest.raises(UnknownObject, match=r"has no checkpoint in .* retention removed it"):
        Registry(open_store(str(store)), "default").checkpoint(
            Registry(open_store(str(store)), "default").version(rejected.version)
        )


def test_a_run_whose_removal_was_interrupted_is_answered_or_trained_again(
    options: Options, store: Path
) -> None:
    """As if it had been removed whole: nothing of it is half used."""
    retrained(options())
    worse = options(seed=1, training={"start_from": "scratch", "epochs": 1})
    first = retrained(worse | {"retention": RetentionOptions(**all_of_them)})
    opened = OpenRun(reopened(str(store)), "default", first.run_id)
    log = Log(opened.store, f"{run_folder('default', first.run_id)}/log")
    content = Retirement(reason="for the test").model_dump(mode="json")
    log.append(removal, content, after=opened.log.head())

    answer = retrained(worse)
    assert ("unchanged", first.version) == (answer.outcome, answer.version)
    assert opened.log.is_being_removed()
    again = retrained(worse | {"force": True})
    assert (first.run_id, first.checkpoint_digest) == (again.run_id, again.checkpoint_digest)
    assert first.trained_iterations == again.trained_iterations
    assert not OpenRun(reopened(str(store)), "default", first.run_id).log.is_being_removed()


def test_a_rejected_night_retains_too(options: Options, store: Path) -> None:
    retrained(options())
    worse = {"start_from": "scratch", "epochs": 1, "checkpoint_every": 100}
    done = retrained(options(seed=1, training=worse, retention=few))
    opened = OpenRun(open_store(str(store)), "default", done.run_id)
    assert ("rejected", 1) == (done.outcome, len(iterations(opened.log)))


def test_the_flow_removes_what_its_dry_run_shows(options: Options, store: Path) -> None:
    done = retrained(options(training={"checkpoint_every": 100}, retention=all_of_them))
    before = files_below(store)
    asked = {"model": "default", "retention": RetentionOptions(**few), "store": str(store)}
    steps = make_plan(asked, (dry_run.retention,)).steps
    assert before == files_below(store)

    result = retain(store)
    assert (
        f"{result.removed_checkpoints:,} checkpoints, {result.removed_bytes:,} bytes, 0 runs"
        in (steps["to remove"])
    )
    assert "not among the latest" in steps[f"run {done.run_id}"]
    assert result.removed_checkpoints == len(before) - len(files_below(store)) + 1  # a record
    assert 0 == retain(store).removed_checkpoints


def test_a_model_that_is_not_there_is_refused_and_nothing_is_written(
    options: Options, store: Path
) -> None:
    retrained(options())
    before = files_below(store)
    with pytest.raises(UnknownObject, match=r"^no model nosuch in .*: there are default$"):
        retention(model="nosuch", store=str(store))
    with pytest.raises(UnknownObject, match="no model nosuch"):
        make_plan(
            {"model": "nosuch", "retention": RetentionOptions(**few), "store": str(store)},
            (dry_run.retention,),
        )
    assert before == files_below(store)


def test_a_checkpoint_of_a_report_row_that_is_gone_says_so(options: Options, store: Path) -> None:
    done = retrained(options(training={"checkpoint_every": 100}, retention=few))
    opened = OpenRun(open_store(str(store)), "default", done.run_id)
    gone = opened.log.record(min(opened.log.retired()))
    with pytest.raises(
        CheckpointRetired, match=r"removed by retention on .* \(not among the latest"
    ):
        opened.log.read(gone)


def test_a_night_that_cannot_tidy_up_is_still_a_night(
    options: Options, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a bucket where removing is not permitted: its task fails, the decision stands."""

    def refuse(*_: object) -> None:
        raise UnknownObject("not permitted")

    monkeypatch.setattr("flows.lifecycle.retention.apply", refuse)
    monkeypatch.setattr("flows.lifecycle.tidying.retain_store", refuse)
    chosen = options(training={"checkpoint_every": 100}, retention=few)
    assert "promoted" == retrained(chosen).outcome
