"""The training loop: sequence by sequence through the text, with the hidden state carried over."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rnncore import adagrad, kernels
from rnncore.arithmetic import Arithmetic
from rnncore.exceptions import TrainingDiverged
from rnncore.network import loss_and_gradients
from rnncore.parameters import Hyperparameters
from rnncore.state import TrainingState
from rnncore.streams import next_window, split_streams, stream_length, wraps
from rnncore.text import TokenRanges, Tokens

whole_tokens = 2**22  # of `TokenRanges`: up to this length a text is read once, and kept

Backend = Literal["compiled", "numpy"]
Loop = Callable[[TrainingState, NDArray[np.integer], NDArray[np.float64]], int]


def train(
    state: TrainingState,
    tokens: Tokens,
    iterations: int,
    backend: Backend = "compiled",
    *,
    arithmetic: Arithmetic | None = None,
) -> NDArray[np.float64]:
    """Advance `state` in place by `iterations` and return the loss of each, in nats per sequence.

    With B streams, stream b reads `tokens[b*L : (b+1)*L]`, L = len(tokens) // B. Before an
    iteration that would read past its end, position and hidden state are reset, as in the notebook.
    `tokens` (N,) are an array or `TokenRanges`; of a long text of ranges only windows are in memory,
    and the result has the same bytes. `backend="numpy"` is the reference; "compiled" gives the same results within rounding, and the
    same bytes in every run on one machine. `arithmetic` is the order of its additions, by default
    the fastest on this processor: a run that goes on keeps what it started with. Raises
    `InvalidTokens` for a text that is too short or a token outside the vocabulary, which is found
    before the array or window with it is trained on, and `TrainingDiverged` if the loss is not
    finite: `state` is then that before the iteration.
    """
    if iterations < 0:
        raise ValueError(f"iterations must be at least 0, not {iterations}")
    if state.rounds:
        raise ValueError("a state of shards is trained as rnncore.shard_states, not as a whole")
    loop, losses = _loop(backend, arithmetic, state.hyperparameters), np.empty(iterations)
    if isinstance(tokens, TokenRanges) and len(tokens) > whole_tokens:
        completed = _train_by_windows(state, tokens, losses, loop)
    else:
        streams = split_streams(tokens, state)
        _check_tokens(streams, state, iterations)
        completed = loop(state, streams, losses)
    if completed < iterations:
        loss, learning_rate = float(losses[completed]), state.hyperparameters.learning_rate
        raise TrainingDiverged(state.iteration, loss, learning_rate)
    return losses


def _loop(backend: Backend, arithmetic: Arithmetic | None, options: Hyperparameters) -> Loop:
    """The loop of a backend: advances a state over streams (B, L), by an iteration a loss."""
    if backend == "numpy":
        return _train_reference
    if backend == "compiled":
        return partial(kernels.train, **asdict(_checked(arithmetic, options)))
    raise ValueError(f"backend must be 'compiled' or 'numpy', not {backend!r}")


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


def _check_tokens(streams: NDArray[np.integer], state: TrainingState, iterations: int) -> None:
    """Check the tokens that the next iterations read."""
    end = state.position + iterations * state.hyperparameters.seq_length + 1
    span = streams[:, state.position : end] if end <= streams.shape[1] else streams
    state.parameters.check_tokens(span)


def _train_by_windows(
    state: TrainingState, text: TokenRanges, losses: NDArray[np.float64], loop: Loop
) -> int:
    """Run the loop on one window of the streams after the other; returns the iterations."""
    length, completed = stream_length(text, state), 0
    while completed < len(losses):
        first, window = next_window(state, text, length, len(losses) - completed)
        part = losses[completed:][: (window.shape[1] - 2) // state.hyperparameters.seq_length]
        # The loop takes the window for the text. Where the streams start again, the position is
        # past the end of the window as well: the loop resets it, and the hidden state.
        state.position -= first
        try:
            completed += (done := loop(state, window, part))
        finally:
            state.position += first
        if done < len(part):
            break
    return completed


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
