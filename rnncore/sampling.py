"""Sampling: generate text with the network, one character at a time."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncore import kernels
from rnncore.exceptions import InvalidHyperparameter, InvalidTokens
from rnncore.parameters import FloatArray, Parameters


class Drawn(NamedTuple):
    """S texts of n tokens, and what the next call of `draw` needs to go on with them."""

    tokens: NDArray[np.int64]  # (S, n)
    nats: NDArray[np.float64]  # (S, n) cross entropy of each by the network, at temperature 1
    hidden: FloatArray  # (S, H) before the last token is read


def sample(
    parameters: Parameters,
    hidden: FloatArray,
    first_token: int,
    length: int,
    *,
    rng: np.random.Generator,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> NDArray[np.int64]:
    """Sample `length` tokens that follow `first_token` (the notebook's `sample`).

    `hidden` (H,) is the hidden state before `first_token`. The scores are divided by `temperature`
    before the softmax: below 1 the likely characters become likelier, above 1 the distribution
    becomes more even. At 0 the most likely character is always taken. `draw` explains `top_k` and
    `top_p`.
    """
    firsts, row = np.array([first_token]), hidden.reshape(1, -1)
    texts = sample_batch(
        parameters, row, firsts, length,
        rngs=[rng], temperature=temperature, top_k=top_k, top_p=top_p,
    )  # fmt: skip
    return texts.reshape(length)


def sample_batch(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    length: int,
    *,
    rngs: Sequence[np.random.Generator],
    temperature: float | NDArray[np.floating] = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> NDArray[np.int64]:
    """Sample S texts in parallel, (S, length); each depends on its own generator alone.

    `hidden` is (S, H), `first_tokens` (S,), `rngs` one generator for each text,
    `temperature` one number or (S,). Sums have a fixed order, so a text has the same bytes whether
    it is sampled alone or with others.
    """
    _check_fit(parameters, hidden, len(first_tokens), len(rngs), "generators")
    uniforms = np.array([rng.random(length) for rng in rngs]).reshape(len(rngs), length)
    return draw(
        parameters, hidden, first_tokens, uniforms,
        temperature=temperature, top_k=top_k, top_p=top_p,
    ).tokens  # fmt: skip


def draw(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    uniforms: NDArray[np.float64],
    *,
    temperature: float | NDArray[np.floating] = 1.0,
    top_k: int | None = None,
    top_p: float = 1.0,
) -> Drawn:
    """Draw S texts, a token for each of the random numbers `uniforms` (S, n), from 0 to below 1.

    `hidden` (S, H) are the hidden states before `first_tokens` (S,); `temperature` is one number or
    (S,). With `top_k` a token is one of so many likeliest, and with `top_p` one of the fewest
    likeliest of these that have at least this probability together; of equally likely ones the
    lower are taken. Drawing goes on from `hidden` and `tokens[:, -1]` of what is returned, as if it
    had been one call. No text depends on the others.
    """
    streams = len(first_tokens)
    rows = len(uniforms) if uniforms.ndim == 2 else uniforms.shape  # noqa: PLR2004 - (S, n)
    _check_fit(parameters, hidden, streams, rows, "rows of random numbers")
    parameters.check_tokens(first_tokens)
    dtype, V = parameters.bh.dtype, parameters.vocabulary_size
    temperatures = _temperatures_of(temperature, streams, dtype)
    kept, share = _checked_top(V, top_k, top_p)
    return Drawn(
        *kernels.draw(
            parameters, hidden.astype(dtype), first_tokens, uniforms, temperatures, kept, share
        )
    )


def _check_fit(
    parameters: Parameters, hidden: FloatArray, streams: int, given: object, what: str
) -> None:
    """Refuse hidden states, generators or random numbers that are not one for each text."""
    if hidden.shape != (streams, parameters.hidden_size) or given != streams:
        raise InvalidTokens(
            f"{streams} first tokens need hidden of shape ({streams}, {parameters.hidden_size})"
            f" and {streams} {what}, not {hidden.shape} and {given}"
        )


def _temperatures_of(
    temperature: float | NDArray[np.floating], streams: int, dtype: np.dtype[np.floating]
) -> NDArray[np.floating]:
    """(S,) of the type of the network: what is too small for it is 0, not a division by zero."""
    given = np.asarray(temperature, np.float64)
    wrong = given[~(np.isfinite(given) & (given >= 0))]
    if wrong.size:
        raise InvalidHyperparameter("temperature", wrong[0], "a finite number of at least 0")
    if given.shape not in {(), (streams,)}:
        raise InvalidHyperparameter("temperature", given, f"one number or {streams}, one a text")
    largest = np.finfo(dtype).max
    return np.broadcast_to(np.minimum(given, largest).astype(dtype), (streams,))


def _checked_top(V: int, top_k: int | None, top_p: float) -> tuple[int, float]:
    """How many tokens and which probability to keep; `InvalidHyperparameter` for what is neither."""
    if top_k is not None and (
        not isinstance(top_k, Integral) or isinstance(top_k, bool) or top_k < 1
    ):
        raise InvalidHyperparameter("top_k", top_k, "a whole number of at least 1, or None")
    if not 0 < top_p <= 1:
        raise InvalidHyperparameter("top_p", top_p, "a number above 0 and at most 1")
    return V if top_k is None else min(int(top_k), V), float(top_p)
