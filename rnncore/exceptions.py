"""The errors that this package raises.

RnncoreError
├── InvalidHyperparameter   a value outside its bounds (also a ValueError)
├── InvalidTokens           tokens or hidden states that do not fit the network (also a ValueError)
└── TrainingDiverged        the loss became NaN or infinite (also an ArithmeticError)
"""

from __future__ import annotations

from typing import Any


class Travelling(Exception):
    """Base of errors that reach another process as they are, whatever their constructor takes."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args, vars(self))


def _restored(kind: type[Travelling], message: tuple[Any, ...], fields: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *message)
    vars(error).update(fields)
    return error


class RnncoreError(Travelling):
    """Base class of every error of this package."""


class InvalidHyperparameter(RnncoreError, ValueError):
    """A hyperparameter is outside its bounds."""

    def __init__(self, name: str, value: object, expected: str) -> None:
        super().__init__(f"{name} must be {expected}, not {value!r}")
        self.name = name


class InvalidTokens(RnncoreError, ValueError):
    """Too few tokens, a token outside the vocabulary, or a shape that does not fit."""


class TrainingDiverged(RnncoreError, ArithmeticError):
    """The loss became NaN or infinite; the update of that iteration was not made."""

    def __init__(
        self, iteration: int, loss: float, learning_rate: float, *, what: str = "the loss"
    ) -> None:
        super().__init__(
            f"{what} became {loss} at iteration {iteration} with learning_rate {learning_rate:g}:"
            " train again with a smaller learning_rate"
        )
        self.iteration = iteration
        self.loss = loss
        self.learning_rate = learning_rate
