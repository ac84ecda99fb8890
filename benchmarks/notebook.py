"""The notebook's loop in float64 with one-hot vectors: tests and benchmarks compare rnncore to it.

It imports nothing of rnncore. It differs from the notebook in two points, and neither changes the
results of one stream: arguments instead of globals, and B streams, run one after the other, whose
gradients are averaged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
names = ("Wxh", "Whh", "Why", "bh", "by")


def loss_fun(
    weights: dict[str, Array], inputs: list[int], targets: list[int], hprev: Array
) -> tuple[float, dict[str, Array], Array]:
    """Loss in nats, gradients before clipping and the last hidden state (H, 1) of one stream."""
    Wxh, Whh, Why, bh, by = (weights[name] for name in names)
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    loss = 0.0
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
        loss += -np.log(ps[t][targets[t], 0])
    gradients = {name: np.zeros_like(weights[name]) for name in names}
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        gradients["Why"] += np.dot(dy, hs[t].T)
        gradients["by"] += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        gradients["bh"] += dhraw
        gradients["Wxh"] += np.dot(dhraw, xs[t].T)
        gradients["Whh"] += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, gradients, hs[len(inputs) - 1]


def sample(
    weights: dict[str, Array], h: Array, seed_ix: int, n: int, choose: Callable[[Array], int]
) -> list[int]:
    """Sample `n` tokens after `seed_ix` from the hidden state `h` (H, 1).

    `choose` draws a token from probabilities (V,).
    """
    Wxh, Whh, Why, bh, by = (weights[name] for name in names)
    x = np.zeros((Wxh.shape[1], 1))
    x[seed_ix] = 1
    ixes = []
    for _ in range(n):
        h = np.tanh(np.dot(Wxh, x) + np.dot(Whh, h) + bh)
        y = np.dot(Why, h) + by
        p = np.exp(y) / np.sum(np.exp(y))
        ix = choose(p.ravel())
        x = np.zeros((Wxh.shape[1], 1))
        x[ix] = 1
        ixes.append(ix)
    return ixes


@dataclass
class Notebook:
    """The state of the notebook's loop over B streams, its losses and its resets."""

    weights: dict[str, Array]
    seq_length: int
    streams: list[list[int]]  # B texts of equal length
    learning_rate: float = 1e-2
    clip: float = 5.0
    losses: list[float] = field(default_factory=list)
    resets: list[int] = field(
        default_factory=list
    )  # iterations that started at the beginning of the text
    position: int = 0

    def __post_init__(self) -> None:
        hidden_size, vocabulary_size = self.weights["Wxh"].shape
        self.sums = {name: np.zeros_like(self.weights[name]) for name in names}
        self.hprev = [np.zeros((hidden_size, 1)) for _ in self.streams]
        self.smooth_loss = -np.log(1.0 / vocabulary_size) * self.seq_length

    def run(self, iterations: int) -> None:
        """Train for `iterations` more, as the notebook's `while True` does."""
        for _ in range(iterations):
            n, T = len(self.losses), self.seq_length
            if self.position + T + 1 >= len(self.streams[0]) or n == 0:
                self.hprev = [np.zeros_like(h) for h in self.hprev]
                self.position = 0
                self.resets.append(n)
            total = {name: np.zeros_like(self.weights[name]) for name in names}
            loss = 0.0
            for b, stream in enumerate(self.streams):
                window = stream[self.position : self.position + T + 1]
                nats, gradients, self.hprev[b] = loss_fun(
                    self.weights, window[:-1], window[1:], self.hprev[b]
                )
                loss += nats / len(self.streams)
                for name in names:
                    total[name] += gradients[name] / len(self.streams)
            self.losses.append(loss)
            self.smooth_loss = self.smooth_loss * 0.999 + loss * 0.001
            for name in names:
                gradient = np.clip(total[name], -self.clip, self.clip)
                self.sums[name] += gradient * gradient
                step = self.learning_rate * gradient / np.sqrt(self.sums[name] + 1e-8)
                self.weights[name] += -step
            self.position += T
