"""The text as streams that are trained in parallel: their length, start and end, their windows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.exceptions import InvalidTokens
from rnncore.parameters import FloatArray, Hyperparameters
from rnncore.state import TrainingState
from rnncore.text import TokenRanges, Tokens

window_tokens = 2**20  # of a text of ranges, in memory at a time; or one iteration's, if more


def iterations_per_epoch(characters: int, hyperparameters: Hyperparameters, shards: int = 1) -> int:
    """Iterations from one reset of the position to the next, over a text of `characters`.

    With `shards` those of its longest part, which all train at a time.

    >>> iterations_per_epoch(6661, Hyperparameters(seq_length=10))
    665
    """
    stream = -(-characters // shards) // hyperparameters.batch_size
    return max(0, (stream - 2) // hyperparameters.seq_length)


def stream_length(tokens: Tokens, state: TrainingState) -> int:
    """L, the tokens of each of B streams; `InvalidTokens` if text and state do not fit."""
    options = state.hyperparameters
    needed = options.batch_size * (options.seq_length + 2)
    if len(tokens.shape) != 1 or len(tokens) < needed:
        raise InvalidTokens(
            f"training needs one row of at least {needed} tokens"
            f" (batch_size × (seq_length + 2)), not an array of shape {tokens.shape}"
        )
    expected = options.batch_size, state.parameters.hidden_size
    if state.hidden.shape != expected or state.position < 0:
        raise InvalidTokens(
            f"the state needs a hidden state of shape {expected} and a position of at least 0,"
            f" not {state.hidden.shape} and {state.position}"
        )
    return len(tokens) // options.batch_size


def split_streams(tokens: Tokens, state: TrainingState) -> NDArray[np.integer]:
    """View of `tokens` as B streams of equal length, (B, L); ranges are read whole."""
    length, streams = stream_length(tokens, state), state.hyperparameters.batch_size
    row = tokens.whole() if isinstance(tokens, TokenRanges) else tokens
    return row[: streams * length].reshape(streams, length)


def wraps(position: int, stream_length: int, seq_length: int) -> bool:
    """Whether the next iteration starts at the beginning of the text, with a hidden state of zeros."""
    return position + seq_length + 1 >= stream_length


def next_input(state: TrainingState, tokens: Tokens) -> tuple[FloatArray, int]:
    """Hidden state (H,) and token with which the first stream starts its next iteration.

    The notebook samples from these, after it has reset them if the text starts again. Of a training
    in shards, the first stream is of the first of them, whose part of the text is shorter.
    """
    shards = len(state.rounds.positions) if state.rounds else 1
    length = stream_length(tokens, state) // shards
    if wraps(state.position, length, state.hyperparameters.seq_length):
        return np.zeros_like(state.hidden[0]), int(tokens[0])
    return state.hidden[0], int(tokens[state.position])


def next_window(
    state: TrainingState, text: TokenRanges, length: int, most: int
) -> tuple[int, NDArray[np.integer]]:
    """Where the next iterations start, up to `most`, and what they read of the streams: (B, n).

    They end with the streams, of `length`. The window has one token more: without it the last would not fit.
    """
    T, B = state.hyperparameters.seq_length, state.hyperparameters.batch_size
    first = 0 if wraps(state.position, length, T) else state.position
    iterations = min(most, (length - 2 - first) // T, max(1, window_tokens // (B * T)))
    window = text.rows(first + length * np.arange(B), iterations * T + 2)
    state.parameters.check_tokens(window[:, :-1])
    return first, window
