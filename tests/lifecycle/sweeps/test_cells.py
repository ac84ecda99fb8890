"""The cells of a sweep: every combination, or some that a seed draws; what cannot be is named."""

from __future__ import annotations

import math
from typing import Any

import pytest

from flows.exceptions import OptionConflict
from flows.lifecycle.sweeps.cells import Cell, cells_of
from flows.parameters import SweepOptions
from tests.support.work import request

fifty = list(range(50))


def cells(
    options: dict[str, Any], training: dict[str, Any] | None = None, **sweep: Any
) -> list[Cell]:
    """The cells of a sweep of small networks over two epochs."""
    return cells_of(request(training), SweepOptions(options=options, **sweep))


def test_a_grid_has_every_combination_in_the_order_of_the_names() -> None:
    found = cells({"training.hidden_size": [16, 8], "seed": [0, 1]})

    assert [1, 2, 3, 4] == [cell.number for cell in found]
    expected = [(0, 16), (0, 8), (1, 16), (1, 8)]
    assert expected == [(cell.request.seed, cell.request.training.hidden_size) for cell in found]
    assert {"seed": 1, "training.hidden_size": 16} == found[2].options
    assert "cell 3 (seed 1, training.hidden_size 16)" == found[2].name


def test_the_order_in_which_options_are_given_changes_nothing() -> None:
    """A database may keep the keys of JSON in another order."""
    one = cells({"seed": [3, 1], "training.dtype": ["float32", "float64"]}, random=3)
    other = cells({"training.dtype": ["float32", "float64"], "seed": [3, 1]}, random=3)

    assert one == other


@pytest.mark.parametrize(
    ("asked", "expected"), [("auto", "scratch"), ("champion", "champion"), (3, 3)]
)
def test_cells_start_from_scratch_unless_another_start_is_named(asked: Any, expected: Any) -> None:
    (cell,) = cells({"seed": [1]}, {"start_from": asked})
    assert expected == cell.request.training.start_from


def test_a_listed_start_is_taken_as_it_is() -> None:
    found = cells({"training.start_from": ["scratch", "champion", 2]})
    starts = [cell.request.training.start_from for cell in found]
    assert ["scratch", "champion", 2] == starts


def test_a_draw_is_without_replacement_and_decided_by_its_seed() -> None:
    options = {"training.hidden_size": list(range(1, 41)), "seed": list(range(50))}
    found, again = cells(options, random=100), cells(options, random=100)
    other = cells(options, random=100, seed=1)

    assert 100 == len({(one.options["seed"], one.options["training.hidden_size"]) for one in found})
    assert found == again
    assert [one.options for one in found] != [one.options for one in other]


def test_a_draw_takes_all_cells_where_there_are_fewer() -> None:
    grid = cells({"seed": [0, 1, 2]})
    assert grid == cells({"seed": [0, 1, 2]}, random=10)


def test_a_draw_may_be_from_a_grid_that_is_too_large_to_be_trained() -> None:
    hundred = list(range(1, 101))
    options = {"training.hidden_size": hundred, "training.seq_length": hundred, "seed": hundred}
    assert 5 == len(cells(options, random=5))


def test_a_range_is_drawn_evenly_by_its_logarithm() -> None:
    found = cells(
        {"training.learning_rate": ["0.001..0.1"], "training.hidden_size": ["8..64"]}, random=200
    )
    rates = [cell.request.training.learning_rate for cell in found]
    sizes = [cell.request.training.hidden_size for cell in found]

    assert 0.001 <= min(rates) < max(rates) <= 0.1
    assert 0.35 < sum(rate < 0.01 for rate in rates) / 200 < 0.65
    assert {int} == {type(size) for size in sizes}
    assert 8 <= min(sizes) < max(sizes) <= 64
    assert all(float(f"{rate:.3g}") == rate for rate in rates)
    assert math.isclose(
        cells({"training.learning_rate": ["1e-3..2E-3"]}, random=1)[0].options[
            "training.learning_rate"
        ],
        0.0015,
        rel_tol=0.4,
    )


@pytest.mark.parametrize(
    ("options", "sweep", "named"),
    [
        ({}, {}, "at least one option"),
        ({"seed": []}, {}, "seed has no values"),
        ({"seed": [1, 1]}, {}, "seed has the value 1 twice"),
        ({"training.learning_rate": [1, 1.0]}, {}, "learning_rate has the value 1.0 twice"),
        ({"training.shards": [2, 1], "training.round_iterations": [50]}, {}, "cell 2 (training.round_iterations 50, training.shards 1): training.round_iterations"),
        ({"seed": [-1]}, {}, "cell 1 (seed -1): seed: input should be greater than or equal to 0, found -1"),
        ({"seed": [True]}, {}, "seed: input should be a valid integer"),
        ({"seed": ["1"]}, {}, "seed: input should be a valid integer, found '1'"),
        ({"training.hidden_size": [8, 0]}, {}, "cell 2 (training.hidden_size 0): training.hidden_size: input should be greater"),
        ({"training.hidden_size": [None]}, {}, "training.hidden_size None"),
        ({"training.dtype": ["float16"]}, {}, "float64', found 'float16'"),
        ({"training.hiden_size": [8]}, {}, "'training.hiden_size': a cell has seed, training.hidden"),
        ({"hidden_size": [8]}, {}, "'hidden_size'"),
        ({"": [8]}, {}, "''"),
        ({"training.": [8]}, {}, "'training.'"),
        ({"seed.x": [8]}, {}, "'seed.x'"),
        ({"training.epochs": [1, 2]}, {}, "sweep.rungs"),
        ({"training.epochs_warm": [1, 2]}, {}, "sweep.rungs"),
        ({"training.checkpoint_every": [1, 2]}, {}, "changes no result"),
        ({"evaluation.held_out": [0.1, 0.2]}, {}, "measured on one text"),
        ({"reading.unit": ["byte"]}, {}, "read one text"),
        ({"corpus": ["a", "b"]}, {}, "read one text"),
        ({"model": ["a", "b"]}, {}, "is of the sweep"),
        ({"store": ["a"]}, {}, "is of the sweep"),
        ({"engine": ["threads"]}, {}, "is of the sweep"),
        ({"sweep.seed": [1]}, {}, "is of the sweep"),
        ({"gates.size": ["off"]}, {}, "the one cell that is judged"),
        ({"promotion.minimum_gain": [0]}, {}, "the one cell that is judged"),
        ({"retention.latest": [1]}, {}, "the one cell that is judged"),
        ({"sampling.length": [1]}, {}, "the one cell that is judged"),
        ({"seed": fifty, "training.hidden_size": fifty[1:]}, {}, "2,450 cells, at most 1,000 expected: set sweep.random"),
        ({"training.learning_rate": ["0.1..1"]}, {}, "sweep.random"),
        ({"training.learning_rate": ["1..0.1"]}, {"random": 2}, "low..high"),
        ({"training.learning_rate": ["0..1"]}, {"random": 2}, "low..high"),
        ({"training.learning_rate": ["0.1..1", 2]}, {"random": 2}, "beside other values"),
        ({"training.dtype": ["1..2"]}, {"random": 2}, "is no number"),
        ({"training.hidden_size": ["1..9000"]}, {"random": 2}, "training.hidden_size 9000: input"),
        ({"training.hidden_size": ["1.5..9"]}, {"random": 2}, "training.hidden_size 1.5: input"),
        ({"seed": [0]}, {"rungs": 3}, "3 rungs of factor 3 need at least 9 epochs, 2"),
        ({"seed": [0]}, {"rungs": [4, 2]}, "sweep.rungs [4, 2]: expected epochs that grow"),
        ({"seed": [0]}, {"rungs": [2, 2]}, "sweep.rungs [2, 2]"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_with_its_name(
    options: dict[str, Any], sweep: dict[str, Any], named: str
) -> None:
    with pytest.raises(OptionConflict) as refused:
        cells(options, **sweep)
    assert named in str(refused.value)
