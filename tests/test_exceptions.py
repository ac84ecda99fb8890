"""Errors reach another process as they are: Dask and pools of processes pickle them."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from flows import exceptions
from flows.exceptions import DamagedObject, NewerFormat
from rnncore import InvalidHyperparameter, InvalidTokens, TrainingDiverged


def kinds(above: type[Exception]) -> Iterator[type[Exception]]:
    """All classes of errors below one."""
    for kind in above.__subclasses__():
        yield kind
        yield from kinds(kind)


errors: list[Exception] = [
    DamagedObject("tokens.npy", "truncated"),
    NewerFormat("run.json", 9, 1),
    TrainingDiverged(7, float("inf"), 0.5, what="the loss of shard 2 of 4"),
    InvalidHyperparameter("dtype", "int8", "float32 or float64"),
    InvalidTokens("too few"),
]
named = {type(error) for error in errors}
errors += [
    kind("why")
    for kind in kinds(exceptions.ExpectedError)
    if kind not in named and kind.__module__ == exceptions.__name__
]


@pytest.mark.parametrize("error", errors, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_in_another_process(error: Exception) -> None:
    """Its class, its message and what it carries."""
    again = pickle.loads(pickle.dumps(error))
    assert (type(error), str(error), error.args) == (type(again), str(again), again.args)
    assert str(vars(error)) == str(vars(again))
