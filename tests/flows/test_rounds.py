"""A retraining in rounds, as the flow does it: on any engine the same bytes."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flows.command_line.entry import run
from flows.dry_run import make_plan
from flows.parameters import TrainingOptions
from flows.retrain import retrain
from flows.runtime.decorators import dry_run_steps
from flows.storage.stores import cache_of
from tests.support.flows import retrained
from tests.support.killing import payloads

Options = Callable[..., dict[str, Any]]


defaults = {
    name: parameter.default for name, parameter in inspect.signature(retrain.fn).parameters.items()
}


def in_rounds(options: Options, store: Path, engine: str) -> dict[str, Any]:
    chosen = options(store=str(store))
    training = chosen["training"].model_dump() | {"shards": 3, "round_iterations": 40}
    return chosen | {"training": TrainingOptions(**training), "engine": engine}


def test_the_engine_changes_no_byte_of_a_retraining(options: Options, tmp_path: Path) -> None:
    stores = [tmp_path / "one", tmp_path / "other"]
    engines = "threads:1", "threads:4"
    results = [retrained(in_rounds(options, *each)) for each in zip(stores, engines, strict=True)]
    one, other = map(payloads, stores)
    assert one == other
    assert {True} == {result.iteration % 40 == 0 for result in results}
    assert results[0].checkpoint_digest == results[1].checkpoint_digest


def test_a_second_retraining_in_rounds_has_nothing_to_do(options: Options, store: Path) -> None:
    """Also on another engine; the dry run says how the text is cut."""
    first = retrained(in_rounds(options, store, "threads"))
    cache_of.cache_clear()
    again = in_rounds(options, store, "threads:2")
    plan = make_plan({**defaults, **again}, dry_run_steps["retrain"]).table()

    assert "nothing left to train" in plan["run"]
    assert plan["rounds"].startswith("of 40 iterations, 3 shards of 1,280 characters")
    assert "outer momentum 0.9, learning rate 0.3" in plan["rounds"]
    assert first.trained_iterations > 0 == retrained(again).trained_iterations


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--training.shards=0"], "--training.shards: input should be greater than or equal to 1"),
        (["--training.shards=2", "--training.round_iterations=0"], "greater than or equal to 1"),
        (["--training.round_iterations=5"], "set training.shards to 2 or more, or leave this out"),
        (["--training.outer_momentum=0"], "there are no rounds with training.shards 1"),
        (["--training.shards=1", "--training.outer_learning_rate=1"], "there are no rounds"),
        (["--training.shards=2", "--training.outer_momentum=1"], "should be less than 1"),
        (["--training.shards=2", "--training.outer_learning_rate=0"], "greater than 0"),
        (["--training.shards=2", "--training.outer_learning_rate=nan"], "finite number"),
        (["--training.shards=1.5"], "valid integer"),
        (["--training.shards=5000"], "shards of a sequence each (batch_size 1 × (seq_length 10"),
    ],
)
def test_rounds_that_cannot_be_are_refused(
    arguments: list[str], expected: str, corpus: Path, store: Path, capsys: Any
) -> None:
    """In one sentence, and nothing is written."""
    assert 2 == run(retrain, ["--corpus", str(corpus), "--store", str(store), *arguments])
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert expected in error
    assert not store.exists()
