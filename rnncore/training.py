"""The training loop: sequence by sequence through the text, with the hidden state carried over."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncore import adagrad, kernels
from rnncore.arithmetic import Arithmetic
from rnncore.exceptions import InvalidTokens, TrainingDiverged
from rnncore.network import loss_and_gradients
from rnncore.parameters import FloatArray, Hyperparameters
from rnncore.state import TrainingState

Backend = Literal["compiled", "numpy"]


def iterations_per_epoch(characters: int, hyperparameters: Hyperparameters) -> int:
    """Iterations from one reset of the position to the next, over a text of `characters`.

    >>> iterations_per_epoch(6661, Hyperparameters(seq_length=10))
    665
    """
    stream = characters // hyperparameters.batch_size
    return max(0, (stream - 2) // hyperparameters.seq_length)


def train(
    state: TrainingState,
    tokens: NDArray[np.integer],
    iterations: int,
    backend: Backend = "compiled",
    *,
    arithmetic: Arithmetic | None = None,
) -> NDArray[np.float64]:
    """Advance `state` in place by `iterations` and return the loss of each, in nats per sequence.

    With B streams, stream b reads `tokens[b*L : (b+1)*L]`, L = len(tokens) // B. Before an
    iteration that would read past its end, position and hidden state are reset, as in the notebook.
    `backend="numpy"` is the reference; "compiled" gives the same results within rounding, and the
    same bytes in every run on one machine. `arithmetic` is the order of its additions, by default
    the fastest on this processor: a run that goes on keeps what it started with. Raises `InvalidTokens` for a text that is too short or
    a token outside the vocabulary, and `TrainingDiverged` if the loss is not finite: `state` is
    then that before the iteration.
    """
    if iterations < 0:
        raise ValueError(f"iterations must be at least 0, not {iterations}")
    streams = split_streams(tokens, state)
    _check_tokens(streams, state, iterations)
    losses = np.empty(iterations, np.float64)
    if backend == "compiled":
        order = asdict(_checked(arithmetic, state.hyperparameters))
        completed = kernels.train(state, streams, losses, **order)
    elif backend == "numpy":
        completed = _train_reference(state, streams, losses)
    else:
        raise ValueError(f"backend must be 'compiled' or 'numpy', not {backend!r}")
    if completed < iterations:
        loss, learning_rate = float(losses[completed]), state.hyperparameters.learning_rate
        raise TrainingDiverged(state.iteration, loss, learning_rate)
    return losses


def _checked(arithmetic: Arithmetic | None, options: Hyperparameters) -> Arithmetic:
    """`arithmetic`, or the fastest; a vector that this processor cannot hold is an error."""
    if arithmetic is None:
        return Arithmetic.fastest(options)
    if not arithmetic.fits(options):
        raise ValueError(
            f"a vector of {arithmetic.lanes} {options.dtype} does not fit into a register of this"
            f" processor: train with Arithmetic.fastest(hyperparameters)"
        )
    return arithmetic


def split_streams(tokens: NDArray[np.integer], state: TrainingState) -> NDArray[np.integer]:
    """View of `tokens` as B streams of equal length, (B, L)."""
    options = state.hyperparameters
    needed = options.batch_size * (options.seq_length + 2)
    if tokens.ndim != 1 or len(tokens) < needed:
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
    length = len(tokens) // options.batch_size
    return tokens[: options.batch_size * length].reshape(options.batch_size, length)


def wraps(position: int, stream_length: int, seq_length: int) -> bool:
    """Whether the next iteration starts at the beginning of the text, with a hidden state of zeros."""
    return position + seq_length + 1 >= stream_length


def next_input(state: TrainingState, tokens: NDArray[np.integer]) -> tuple[FloatArray, int]:
    """Hidden state (H,) and token with which the first stream starts its next iteration.

    The notebook samples from these, after it has reset them if the text starts again.
    """
    streams = split_streams(tokens, state)
    if wraps(state.position, streams.shape[1], state.hyperparameters.seq_length):
        return np.zeros_like(state.hidden[0]), int(streams[0, 0])
    return state.hidden[0], int(streams[0, state.position])


def _check_tokens(streams: NDArray[np.integer], state: TrainingState, iterations: int) -> None:
    """Check the tokens that the next iterations read."""
    end = state.position + iterations * state.hyperparameters.seq_length + 1
    span = streams[:, state.position : end] if end <= streams.shape[1] else streams
    state.parameters.check_tokens(span)


def _train_reference(
    state: TrainingState, streams: NDArray[np.integer], losses: NDArray[np.float64]
) -> int:
    """The loop of the notebook in numpy; returns the number of iterations."""
    options = state.hyperparameters
    for n in range(len(losses)):
        if wraps(state.position, streams.shape[1], options.seq_length):
            state.hidden = np.zeros_like(state.hidden)
            state.position = 0
        window = streams[:, state.position : state.position + options.seq_length + 1].T
        losses[n], gradients, hidden = loss_and_gradients(
            state.parameters, window[:-1], window[1:], state.hidden, options.gradient_clip
        )
        if not math.isfinite(losses[n]):
            return n
        adagrad.update(state.parameters, state.adagrad, gradients, options.learning_rate)
        state.hidden = hidden
        state.smooth_loss = state.smooth_loss * 0.999 + losses[n] * 0.001
        state.position += options.seq_length
        state.iteration += 1
    return len(losses)
