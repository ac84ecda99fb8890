"""Sampling: generate text with the network, one character at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rnncore import kernels
from rnncore.exceptions import InvalidHyperparameter, InvalidTokens
from rnncore.parameters import FloatArray, Parameters


def sample(
    parameters: Parameters,
    hidden: FloatArray,
    first_token: int,
    length: int,
    *,
    rng: np.random.Generator,
    temperature: float = 1.0,
) -> NDArray[np.int64]:
    """Sample `length` tokens that follow `first_token` (the notebook's `sample`).

    `hidden` (H,) is the hidden state before `first_token`. The scores are divided by `temperature`
    before the softmax: below 1 the likely characters become likelier, above 1 the distribution
    becomes more even. At 0 the most likely character is always taken.
    """
    firsts, row = np.array([first_token]), hidden.reshape(1, -1)
    texts = sample_batch(parameters, row, firsts, length, rngs=[rng], temperature=temperature)
    return texts.reshape(length)


def sample_batch(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    length: int,
    *,
    rngs: Sequence[np.random.Generator],
    temperature: float | NDArray[np.floating] = 1.0,
) -> NDArray[np.int64]:
    """Sample S texts in parallel, (S, length); each depends on its own generator alone.

    `hidden` is (S, H), `first_tokens` (S,), `rngs` one generator for each text,
    `temperature` one number or (S,). Sums have a fixed order, so a text has the same bytes whether
    it is sampled alone or with others.
    """
    streams = len(first_tokens)
    if hidden.shape != (streams, parameters.hidden_size) or len(rngs) != streams:
        raise InvalidTokens(
            f"{streams} first tokens need hidden of shape ({streams}, {parameters.hidden_size})"
            f" and {streams} generators, not {hidden.shape} and {len(rngs)}"
        )
    parameters.check_tokens(first_tokens)
    temperatures = np.broadcast_to(np.asarray(temperature, np.float64), (streams,))
    if not (np.isfinite(temperatures).all() and (temperatures >= 0).all()):
        raise InvalidHyperparameter("temperature", temperature, "a finite number of at least 0")
    uniforms = np.array([rng.random(length) for rng in rngs]).reshape(streams, length)
    hidden = hidden.astype(parameters.bh.dtype)
    return kernels.sample(parameters, hidden, first_tokens, uniforms, temperatures)
