"""Evaluation: how well the network predicts a text that it does not train on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rnncore import kernels
from rnncore.exceptions import InvalidTokens
from rnncore.parameters import FloatArray, Parameters

impossible = -1e30  # as a score: exp of it is zero
piece_length = 2048  # tokens of a unit, where a text has no units of its own


def nats_per_character(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray | None = None
) -> float:
    """Mean cross entropy, in nats, of each token of `tokens` (N,) given all before it.

    Reading starts with the hidden state `hidden` (H,), by default zeros. The first token is given,
    not predicted, so N must be at least 2.
    """
    _check_text(parameters, tokens)
    nats, _ = kernels.read(parameters, tokens, _initial_hidden(parameters, hidden))
    return nats / (len(tokens) - 1)


def bits_per_character(
    parameters: Parameters,
    tokens: NDArray[np.integer],
    ends: Sequence[int] | NDArray[np.integer] | None = None,
) -> float:
    """Mean cross entropy, in bits, of the tokens (N,) of a text that is read unit by unit.

    Units end where `ends` says, in ascending order and the last at N, by default after each
    `piece_length` tokens. Each is read from a hidden state of zeros, and its first token is given,
    not predicted. With one unit the text is read as `nats_per_character` reads it.

    >>> from rnncore.parameters import Hyperparameters
    >>> even = Parameters.initial(8, Hyperparameters(hidden_size=2), seed=0).zeros_like()
    >>> round(bits_per_character(even, np.array([0, 7, 3])), 6)
    3.0
    """
    if ends is None:
        ends = [*range(piece_length, len(tokens), piece_length), len(tokens)]
    nats = kernels.nats_of_units(parameters, tokens, _checked_ends(parameters, tokens, ends))
    predicted = len(tokens) - int(np.count_nonzero(np.diff(ends, prepend=0)))
    return math.fsum(nats) / predicted / math.log(2)


def nats_of_characters(
    parameters: Parameters,
    tokens: NDArray[np.integer],
    ends: Sequence[int] | NDArray[np.integer],
    hidden: FloatArray | None = None,
) -> NDArray[np.float64]:
    """Cross entropy, in nats, of each of the tokens (N,) of a text that is read unit by unit.

    Units are as in `bits_per_character`; the first token of each, which is given, has 0. Each
    starts with its row of `hidden` (units, H), by default with zeros.
    """
    checked = _checked_ends(parameters, tokens, ends)
    if hidden is not None:
        expected = len(checked), parameters.hidden_size
        if hidden.shape != expected:
            raise InvalidTokens(f"hidden states must have shape {expected}, not {hidden.shape}")
        hidden = hidden.astype(parameters.bh.dtype, copy=False)
    return kernels.nats_of_tokens(parameters, tokens, checked, hidden)


def restrict(parameters: Parameters, known: NDArray[np.bool_]) -> Parameters:
    """The network that predicts only the `known` (V,) characters, and still reads all of them.

    Their probabilities are renormalised: the others get none.
    """
    if known.all():
        return parameters
    Why, by = parameters.Why.copy(), parameters.by.copy()
    Why[~known], by[~known] = 0, impossible
    return replace(parameters, Why=Why, by=by)


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray | None = None
) -> FloatArray:
    """Hidden state (H,) after reading all of `tokens` (N,), as priming does; N may be 0."""
    parameters.check_tokens(tokens)
    extended = np.append(tokens.astype(np.int64), 0)  # kernels.read only predicts the last token
    _, last = kernels.read(parameters, extended, _initial_hidden(parameters, hidden))
    return last


def _checked_ends(
    parameters: Parameters, tokens: NDArray[np.integer], ends: Sequence[int] | NDArray[np.integer]
) -> NDArray[np.int64]:
    """Where the units of a text end; `InvalidTokens` for what is no text in units."""
    _check_text(parameters, tokens)
    bounds = np.array([0, *ends], np.int64)
    lengths = np.diff(bounds)
    if bounds[-1] != len(tokens) or (lengths < 0).any():
        raise InvalidTokens(f"the ends of units must ascend to {len(tokens)}, where the text ends")
    if not (lengths > 1).any():
        raise InvalidTokens("evaluation needs a unit of at least 2 tokens, all units are shorter")
    return bounds[1:]


def _check_text(parameters: Parameters, tokens: NDArray[np.integer]) -> None:
    """Refuse what is no text with a token to predict."""
    if tokens.ndim != 1 or len(tokens) <= 1:
        raise InvalidTokens(
            f"evaluation needs one row of at least 2 tokens, not an array of shape {tokens.shape}"
        )
    parameters.check_tokens(tokens)


def _initial_hidden(parameters: Parameters, hidden: FloatArray | None) -> FloatArray:
    """`hidden` (H,) in the network's own type, or zeros."""
    if hidden is None:
        return np.zeros_like(parameters.bh)
    if hidden.size != parameters.hidden_size:
        raise InvalidTokens(
            f"the hidden state must have shape ({parameters.hidden_size},), not {hidden.shape}"
        )
    return hidden.reshape(-1).astype(parameters.bh.dtype)
