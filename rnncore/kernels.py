"""The compiled kernels: train, sample and read, at the speed of the machine."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rnncore.parameters import FloatArray, Parameters

if TYPE_CHECKING:
    from rnncore.training import TrainingState

compiled = njit(cache=True, error_model="numpy", nogil=True, fastmath={"reassoc", "contract", "nsz"})


def run(
    state: TrainingState, streams: NDArray[np.integer], losses: NDArray[np.float64]
) -> int:
    """Advance `state` over `streams` (B, L), fill `losses`; how many iterations were made."""
    if len(state.hidden) > 1:
        from rnncore.training import _run_reference

        return _run_reference(state, streams, losses)
    options = state.hyperparameters
    counters = np.array([state.position, state.iteration, state.smooth_loss], np.float64)
    gradients = state.parameters.zeros_like()
    done = _train(
        *state.parameters, *state.adagrad, *gradients, state.hidden[0], counters,
        streams[0], losses, options.seq_length,
        state.hyperparameters.float_type.type(options.learning_rate),
        state.hyperparameters.float_type.type(options.gradient_clip),
    )
    state.position, state.iteration = int(counters[0]), int(counters[1])
    state.smooth_loss = float(counters[2])
    return int(done)


def draw(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    uniforms: NDArray[np.float64],
    temperatures: NDArray[np.float64],
) -> NDArray[np.int64]:
    """Tokens (S, length) drawn by inverse CDF from `uniforms`; 0 as temperature takes the best."""
    tokens = np.empty(uniforms.shape, np.int64)
    _draw(*parameters, hidden, first_tokens, uniforms, temperatures, tokens)
    return tokens


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray
) -> tuple[float, FloatArray]:
    """Total nats of `tokens[1:]`, each given all before it, and the memory after `tokens[:-1]`."""
    hidden = hidden.astype(parameters.Whh.dtype, copy=True)
    total = _read(*parameters, np.ascontiguousarray(tokens), hidden)
    return float(total), hidden


@compiled
def _step(Wxh, Whh, bh, token, before, after):
    for i in range(len(bh)):
        x = Wxh[i, token] + bh[i]
        for j in range(len(bh)):
            x += Whh[i, j] * before[j]
        after[i] = math.tanh(x)


@compiled
def _scores(Why, by, hidden, ys):
    for v in range(len(by)):
        y = by[v]
        for j in range(len(hidden)):
            y += Why[v, j] * hidden[j]
        ys[v] = y


@compiled
def _softmax(ys, target):
    """Turn scores into probabilities in place; the loss of `target` in nats."""
    largest = ys[0]
    for v in range(len(ys)):
        largest = max(largest, ys[v])
    chosen = ys[target] - largest
    total = 0.0
    for v in range(len(ys)):
        ys[v] = math.exp(ys[v] - largest)
        total += ys[v]
    for v in range(len(ys)):
        ys[v] /= total
    return math.log(total) - chosen


@compiled
def _adagrad(W, mW, dW, rate, clip):
    W, mW, dW = W.reshape(-1), mW.reshape(-1), dW.reshape(-1)
    for i in range(len(W)):
        d = min(max(dW[i], -clip), clip)
        mW[i] += d * d
        W[i] -= rate * d / np.sqrt(mW[i] + W.dtype.type(1e-8))
        dW[i] = 0


@compiled
def _train(
    Wxh, Whh, Why, bh, by, mWxh, mWhh, mWhy, mbh, mby, dWxh, dWhh, dWhy, dbh, dby,
    hidden, counters, tokens, losses, T, rate, clip,
):
    V, H = Why.shape
    hs = np.zeros((T + 1, H), Whh.dtype)
    ps = np.zeros((T, V), Whh.dtype)
    dh = np.zeros(H, Whh.dtype)
    dhraw = np.zeros(H, Whh.dtype)
    for n in range(len(losses)):
        position = int(counters[0])
        if position + T + 1 >= len(tokens):
            position = 0
            hidden[:] = 0
        hs[0] = hidden
        loss = 0.0
        for t in range(T):
            _step(Wxh, Whh, bh, tokens[position + t], hs[t], hs[t + 1])
            _scores(Why, by, hs[t + 1], ps[t])
            loss += _softmax(ps[t], tokens[position + t + 1])
        losses[n] = loss
        if not np.isfinite(loss):
            counters[0] = position
            return n
        dh[:] = 0
        for t in range(T - 1, -1, -1):
            dy = ps[t]
            dy[tokens[position + t + 1]] -= 1
            for v in range(V):
                dby[v] += dy[v]
                for j in range(H):
                    dWhy[v, j] += dy[v] * hs[t + 1, j]
                    dh[j] += dy[v] * Why[v, j]
            for i in range(H):
                dhraw[i] = (1 - hs[t + 1, i] * hs[t + 1, i]) * dh[i]
                dbh[i] += dhraw[i]
                dWxh[i, tokens[position + t]] += dhraw[i]
            dh[:] = 0
            for i in range(H):
                for j in range(H):
                    dWhh[i, j] += dhraw[i] * hs[t, j]
                    dh[j] += dhraw[i] * Whh[i, j]
        _adagrad(Wxh, mWxh, dWxh, rate, clip)
        _adagrad(Whh, mWhh, dWhh, rate, clip)
        _adagrad(Why, mWhy, dWhy, rate, clip)
        _adagrad(bh, mbh, dbh, rate, clip)
        _adagrad(by, mby, dby, rate, clip)
        hidden[:] = hs[T]
        counters[0] = position + T
        counters[1] += 1
        counters[2] = counters[2] * 0.999 + loss * 0.001
    return len(losses)


@compiled
def _read(Wxh, Whh, Why, bh, by, tokens, hidden):
    ys, after, total = np.zeros_like(by), np.zeros_like(bh), 0.0
    for t in range(len(tokens) - 1):
        _step(Wxh, Whh, bh, tokens[t], hidden, after)
        hidden[:] = after
        _scores(Why, by, hidden, ys)
        total += _softmax(ys, tokens[t + 1])
    return total


@compiled
def _draw(Wxh, Whh, Why, bh, by, hiddens, first_tokens, uniforms, temperatures, tokens):
    ys, after = np.zeros_like(by), np.zeros_like(bh)
    for s in range(len(first_tokens)):
        token = first_tokens[s]
        hidden = hiddens[s].copy()
        for n in range(tokens.shape[1]):
            _step(Wxh, Whh, bh, token, hidden, after)
            hidden[:] = after
            _scores(Why, by, hidden, ys)
            token = np.argmax(ys)
            if temperatures[s] > 0:
                ys /= temperatures[s]
                _softmax(ys, token)
                rest = uniforms[s, n]
                for v in range(len(ys)):
                    rest -= ys[v]
                    if rest < 0:
                        token = v
                        break
            tokens[s, n] = token
