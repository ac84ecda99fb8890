"""Evaluation: how well the network predicts a text that it only reads."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore import kernels
from rnncore.exceptions import InvalidTokens
from rnncore.parameters import FloatArray, Parameters


def nats_per_character(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray | None = None
) -> float:
    """Mean cross entropy, in nats, of each token of `tokens` (N,) given all before it.

    Reading starts from memory `hidden` (H,), or an empty one. The first token is given, not
    predicted, so N must be at least 2.
    """
    if tokens.ndim != 1 or len(tokens) <= 1:
        raise InvalidTokens(
            f"evaluation needs one row of at least 2 tokens, not an array of shape {tokens.shape}"
        )
    if int(tokens.min()) < 0 or int(tokens.max()) >= parameters.vocabulary_size:
        raise InvalidTokens(f"tokens must be from 0 to {parameters.vocabulary_size - 1}")
    if hidden is None:
        hidden = np.zeros(parameters.hidden_size, parameters.Whh.dtype)
    return kernels.read(parameters, tokens, hidden.reshape(-1))[0] / (len(tokens) - 1)


def bits_per_character(parameters: Parameters, tokens: NDArray[np.integer]) -> float:
    """Mean cross entropy of `tokens` (N,) in bits, read from an empty memory.

    >>> from rnncore.parameters import Hyperparameters
    >>> even = Parameters.initial(8, Hyperparameters(hidden_size=2), seed=0).zeros_like()
    >>> round(bits_per_character(even, np.array([0, 7, 3])), 6)
    3.0
    """
    return nats_per_character(parameters, tokens) / math.log(2)


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray | None = None
) -> FloatArray:
    """Memory (H,) after reading all of `tokens` (N,), as priming does; N may be 0."""
    if hidden is None:
        hidden = np.zeros(parameters.hidden_size, parameters.Whh.dtype)
    followed = np.append(tokens, np.zeros(1, np.int64))  # the memory is that before the last one
    return kernels.read(parameters, followed.astype(np.int64), hidden.reshape(-1))[1]
