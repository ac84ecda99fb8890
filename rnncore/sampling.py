"""Sampling: let the network write, one character at a time."""

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
    """Draw `length` tokens after `first_token` from memory `hidden` (H,) (the notebook's `sample`).

    The scores are divided by `temperature` before the softmax: below 1 the text is safer, above 1
    wilder, and 0 takes the likeliest character always.
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
    """Draw S texts side by side, (S, length); each depends on its own generator alone.

    `hidden` is (S, H), `first_tokens` (S,), `rngs` one generator a text, `temperature` one number
    or (S,). What is drawn beside a text never changes it: sums have a fixed order.
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
    memories = hidden.astype(parameters.bh.dtype)
    return kernels.sample(parameters, memories, first_tokens, uniforms, temperatures)
