"""The options of a network (`Hyperparameters`), and its weights and biases (`Parameters`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rnncore.exceptions import InvalidHyperparameter, InvalidTokens

type_names = ("float32", "float64")
largest_float = 1e38  # float32 can hold it, so no option becomes infinite

FloatArray = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """All that decides the bytes of a training run, except the data and the seed.

    >>> Hyperparameters(hidden_size=64).seq_length
    10
    >>> Hyperparameters(learning_rate=float("nan"))
    Traceback (most recent call last):
        ...
    rnncore.exceptions.InvalidHyperparameter: learning_rate must be a number in (0, 1e+38], not nan
    """

    hidden_size: int = 100  # H, units in the hidden layer
    seq_length: int = 10  # T, characters of a sequence: one iteration
    batch_size: int = 1  # B, streams of text trained in parallel
    learning_rate: float = 1e-2  # of Adagrad
    gradient_clip: float = 5.0  # bound on each element of the gradient
    weight_scale: float = 0.1  # standard deviation of the initial weights
    dtype: str = "float32"

    def __post_init__(self) -> None:
        for name in ("hidden_size", "seq_length", "batch_size"):
            count = getattr(self, name)
            if not isinstance(count, Integral) or isinstance(count, bool) or int(count) < 1:
                raise InvalidHyperparameter(name, count, "a whole number of at least 1")
            object.__setattr__(self, name, int(count))  # equal options give equal bytes in a file
        for name in ("learning_rate", "gradient_clip", "weight_scale"):
            value: Any = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            # Compared before it is converted: a float cannot hold every whole number.
            if not is_number or not 0 < value <= largest_float:
                expected = f"a number in (0, {largest_float:g}]"
                raise InvalidHyperparameter(name, value, expected)
            object.__setattr__(self, name, float(value))
        if self.dtype not in type_names:
            raise InvalidHyperparameter("dtype", self.dtype, " or ".join(type_names))

    @property
    def float_type(self) -> np.dtype[np.floating]:
        """The numpy type of every array of the network."""
        return np.dtype(self.dtype)


@dataclass(slots=True)
class Parameters:
    """Weights and biases of a vanilla RNN with H hidden units over V characters.

    Gradients and Adagrad's sums of squares have the same shapes, so they are `Parameters` too.

    >>> Parameters.initial(5, Hyperparameters(hidden_size=3), seed=0).Wxh.shape
    (3, 5)
    """

    Wxh: FloatArray  # (H, V) input to hidden
    Whh: FloatArray  # (H, H) hidden to hidden
    Why: FloatArray  # (V, H) hidden to output
    bh: FloatArray  # (H,) hidden bias
    by: FloatArray  # (V,) output bias

    @classmethod
    def initial(
        cls, vocabulary_size: int, hyperparameters: Hyperparameters, *, seed: int
    ) -> Parameters:
        """Standard normal weights × `weight_scale`, biases at zero.

        Drawn in float64 and then rounded, so both dtypes start from the same numbers.
        """
        if vocabulary_size <= 1:
            raise InvalidHyperparameter("vocabulary_size", vocabulary_size, "at least 2")
        rng = np.random.default_rng(seed)
        hidden, dtype = hyperparameters.hidden_size, hyperparameters.float_type

        def normal(*shape: int) -> FloatArray:
            return (rng.standard_normal(shape) * hyperparameters.weight_scale).astype(dtype)

        return cls(
            Wxh=normal(hidden, vocabulary_size),
            Whh=normal(hidden, hidden),
            Why=normal(vocabulary_size, hidden),
            bh=np.zeros(hidden, dtype),
            by=np.zeros(vocabulary_size, dtype),
        )

    def __iter__(self) -> Iterator[FloatArray]:
        """The five arrays, in the order Wxh, Whh, Why, bh, by."""
        return (array for _, array in self.items())

    def items(self) -> Iterator[tuple[str, FloatArray]]:
        """The five names and arrays, in the order Wxh, Whh, Why, bh, by."""
        return ((field.name, getattr(self, field.name)) for field in fields(self))

    def copy(self) -> Parameters:
        """A copy that shares no memory with these arrays."""
        return Parameters(*(array.copy() for array in self))

    def zeros_like(self) -> Parameters:
        """Arrays of the same shapes, all zero."""
        return Parameters(*(np.zeros_like(array) for array in self))

    @property
    def vocabulary_size(self) -> int:
        """V, the number of characters in the vocabulary."""
        return int(self.by.shape[0])

    @property
    def hidden_size(self) -> int:
        """H, units in the hidden layer."""
        return int(self.bh.shape[0])

    def check_tokens(self, tokens: NDArray[np.integer]) -> None:
        """Raise `InvalidTokens` for tokens outside the vocabulary; the kernels do not check."""
        if not np.issubdtype(tokens.dtype, np.integer):
            raise InvalidTokens(f"tokens must be whole numbers, not {tokens.dtype}")
        if not tokens.size:
            return
        lowest, highest = int(tokens.min()), int(tokens.max())
        if lowest < 0 or highest >= self.vocabulary_size:
            raise InvalidTokens(
                f"tokens must be from 0 to {self.vocabulary_size - 1}, found {lowest} to {highest}"
            )

    def is_finite(self) -> bool:
        """Whether no element is NaN or infinite."""
        return all(np.isfinite(array).all() for array in self)
