"""Claims: batches train faster than in PyTorch, near the rate of matrix products in numpy's BLAS."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np

from benchmarks.side_by_side import Claim, Work, compare
from benchmarks.texts import random_tokens
from rnncore import Hyperparameters, TrainingState, train

vocabulary_size = 66
tokens = random_tokens(vocabulary_size, 2_000_000)
threads = 2


def measure() -> list[Claim]:
    """Seq_length 50, batch 64, float32, hidden 128 and 512."""
    claims = []
    for hidden_size, iterations in ((128, 100), (512, 12)):
        options = Hyperparameters(hidden_size=hidden_size, seq_length=50, batch_size=64)
        others: dict[str, Work] = {}
        if find_spec("torch"):
            others["PyTorch, embedding"] = pytorch(options, iterations)
        what = f"training, 64 streams, hidden {hidden_size}"
        if others:
            claims += compare(what, "chars/s", ours(options, iterations), others)
        claims += compare(
            f"{what}, arithmetic",
            "MFLOP/s",
            arithmetic(options, iterations),
            {"matrix products in numpy": matrix_products(2048)},
        )
    return claims


def ours(options: Hyperparameters, iterations: int) -> Work:
    """This project, in characters."""
    state = TrainingState.initial(vocabulary_size, options, seed=0)

    def work() -> float:
        train(state, tokens, iterations)
        return iterations * options.seq_length * options.batch_size

    return work


def arithmetic(options: Hyperparameters, iterations: int) -> Work:
    """This project, in millions of floating-point operations of its matrix products."""
    train_characters = ours(options, iterations)
    H = options.hidden_size
    return lambda: train_characters() * 6 * (H * H + H * vocabulary_size) / 1e6


def matrix_products(size: int) -> Work:
    """Products of square matrices of float32, in millions of operations."""
    rng = np.random.default_rng(0)
    a, b = rng.random((2, size, size), np.float32)
    out = np.empty_like(a)

    def work() -> float:
        np.matmul(a, b, out=out)
        return 2 * size**3 / 1e6

    return work


def pytorch(options: Hyperparameters, iterations: int) -> Work:
    """The same network and optimiser in PyTorch: `nn.RNN`, `nn.Linear`, `optim.Adagrad`."""
    import torch  # of the `bench` extra
    from torch import nn

    torch.set_num_threads(threads)
    torch.manual_seed(0)
    H, T, B = options.hidden_size, options.seq_length, options.batch_size
    embedding = nn.Embedding(vocabulary_size, H)  # faster than one-hot vectors, and the same sums
    network = nn.RNN(H, H)
    output = nn.Linear(H, vocabulary_size)
    modules = nn.ModuleList([embedding, network, output])
    optimiser = torch.optim.Adagrad(modules.parameters(), lr=options.learning_rate, eps=1e-8)
    streams = torch.from_numpy(
        tokens[: len(tokens) // B * B].reshape(B, -1).T.astype(np.int64)
    ).contiguous()  # (L, B)
    hidden = torch.zeros(1, B, H)
    position = 0

    def work() -> float:
        nonlocal hidden, position
        for _ in range(iterations):
            if position + T + 1 >= len(streams):
                position, hidden = 0, torch.zeros(1, B, H)
            inputs, targets = streams[position : position + T], streams[position + 1 :][:T]
            optimiser.zero_grad()
            states, hidden = network(embedding(inputs), hidden.detach())
            scores = output(states).reshape(T * B, -1)
            loss = nn.functional.cross_entropy(scores, targets.reshape(-1), reduction="sum") / B
            loss.backward()
            nn.utils.clip_grad_value_(modules.parameters(), options.gradient_clip)
            optimiser.step()
            position += T
        return iterations * T * B

    return work
