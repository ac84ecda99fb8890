"""Successive halving: where rungs end, and how many cells go on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.lifecycle.sweeps.rungs import going_on, rung_epochs
from flows.parameters import SweepOptions


@given(st.integers(1, 6), st.integers(2, 10), st.integers(0, 1000))
def test_rungs_grow_to_the_last_epoch(rungs: int, factor: int, more: int) -> None:
    epochs = factor ** (rungs - 1) + more
    found = rung_epochs(SweepOptions(rungs=rungs, factor=factor), epochs)

    assert rungs == len(set(found))
    assert sorted(found) == list(found)
    assert epochs == found[-1]


def test_listed_epochs_are_the_rungs() -> None:
    assert (2, 5, 6) == rung_epochs(SweepOptions(rungs=[2, 5, 6]), 300)


def test_a_list_of_one_is_the_number_of_rungs() -> None:
    """As the command line gives it."""
    assert SweepOptions(rungs=2) == SweepOptions(rungs=[2])


@pytest.mark.parametrize(("entered", "count"), [(1, 1), (2, 1), (3, 1), (5, 1), (6, 2), (27, 9)])
def test_one_in_a_factor_goes_on_and_at_least_one(entered: int, count: int) -> None:
    bits = {str(number): 9.0 - number for number in range(entered)}
    assert [str(entered - 1 - number) for number in range(count)] == going_on(bits, entered, 3)


def test_cells_that_failed_take_no_place() -> None:
    """They count as entered: the others do not go on in their stead, but where they are too few."""
    assert ["a"] == going_on({"a": 2.0, "b": 3.0}, entered=3, factor=3)
    assert [] == going_on({}, entered=3, factor=3)


def test_of_equal_ones_the_first_goes_on() -> None:
    assert ["b"] == going_on({"b": 2.0, "a": 2.0}, entered=2, factor=2)
