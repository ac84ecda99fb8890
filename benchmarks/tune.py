"""The constants of the kernels, each against other values of it: `python -m benchmarks tune`.

Two processes train by turns: one with the constants as they are, one with a constant changed before
its kernels are compiled. One thread each: CPU time is less noisy than the time of two threads.
"""

from __future__ import annotations

import importlib
import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from multiprocessing import get_context
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks.texts import random_tokens
from rnncore import Arithmetic, Hyperparameters, TrainingState, train

Constants = dict[str, object]  # full names and other values; a name alone is one of `Arithmetic`
rounds = 9


class Shape(NamedTuple):
    """What is trained, and for how many iterations at a time."""

    H: int
    V: int
    T: int
    B: int
    iterations: int


shapes = {
    "one stream": Shape(100, 66, 10, 1, 3_000),
    "64 streams, hidden 128": Shape(128, 66, 50, 64, 20),
    "64 streams, hidden 512": Shape(512, 66, 50, 64, 3),
    "5,000 characters": Shape(100, 5_000, 10, 1, 200),
}
simd, update = "rnncore.kernels.simd.", "rnncore.kernels.update."


def everywhere(name: str, value: int) -> Constants:
    """A constant of the tiles, also where it is imported."""
    return {f"{simd}{module}.{name}": value for module in ("tiles", "products")}


def tile(rows: int, vectors: int) -> Constants:
    """Another largest tile of `product`."""
    return everywhere("highest", rows) | everywhere("widest", vectors)


changes: dict[str, Constants] = {
    **{f"`lanes` {n}": {"lanes": n} for n in (4, 8, 16)},
    "`transposed` always": {"transposed": True},
    "`transposed` never": {"transposed": False},
    **{f"tile {m} × {n}": tile(m, n) for m, n in ((4, 3), (5, 5), (6, 4), (12, 2))},
    **{f"`widest_row` {n}": everywhere("widest_row", n) for n in (4, 12)},
    **{f"`most_sums` {n}": {f"{simd}row_products.most_sums": n} for n in (16, 32)},
    **{f"`block_rows` {n}": {"rnncore.kernels.passes.block_rows": n} for n in (64, 1024)},
    **{f"`block_depth` {n}": {f"{simd}products.block_depth": n} for n in (64, 256, 4096)},
    **{f"`strip_bytes` 2^{n}": {f"{update}strip_bytes": 2**n} for n in (13, 15)},
    **{f"`deep_strip_bytes` 2^{n}": {f"{update}deep_strip_bytes": 2**n} for n in (16, 17, 19)},
}


def table(chosen: list[str]) -> Iterator[str]:
    """Lines of a table: speed with each change, as a ratio to the constants as they are."""
    yield f"| change | {' | '.join(shapes)} |\n|---|{'---:|' * len(shapes)}"
    with process_with({}) as ours:
        for name, change in changes.items():
            if not chosen or any(part in name for part in chosen):
                with process_with(change) as theirs:
                    cells = [ratio(ours, theirs, shape) for shape in shapes]
                yield f"| {name} | {' | '.join(cells)} |"


def ratio(ours: ProcessPoolExecutor, theirs: ProcessPoolExecutor, shape: str) -> str:
    """Median, lowest and highest ratio of the rounds; a first one, which compiles, is not counted."""
    found = []
    for _ in range(rounds + 1):
        before, after = (process.submit(rate, shape).result() for process in (ours, theirs))
        found.append(after / before)
    low, *_, high = sorted(found[1:])
    return f"{statistics.median(found[1:]):.2f} ({low:.2f} – {high:.2f})"


@contextmanager
def process_with(change: Constants) -> Iterator[ProcessPoolExecutor]:
    """A process with other constants, and without the machine code of these."""
    with TemporaryDirectory() as folder:
        os.environ |= {"NUMBA_CACHE_DIR": folder, "NUMBA_NUM_THREADS": "1"}  # it starts with these
        with ProcessPoolExecutor(1, get_context("spawn"), apply, (change,)) as pool:
            pool.submit(int).result()
            yield pool


def apply(change: Constants) -> None:
    """Change the constants of this process, before anything is compiled."""
    for name, value in change.items():
        module, _, constant = name.rpartition(".")
        if module:
            setattr(importlib.import_module(module), constant, value)
        else:
            changed_arithmetic[constant] = value


changed_arithmetic: Constants = {}


@cache
def state_of(shape: str) -> TrainingState:
    """The network that this process trains."""
    H, V, T, B, _ = shapes[shape]
    return TrainingState.initial(
        V, Hyperparameters(hidden_size=H, seq_length=T, batch_size=B), seed=0
    )


def rate(shape: str) -> float:
    """Iterations per second of CPU time."""
    state, (_, V, *_, iterations) = state_of(shape), shapes[shape]
    fastest = asdict(Arithmetic.fastest(state.hyperparameters))
    arithmetic = Arithmetic(**fastest | changed_arithmetic)
    tokens = random_tokens(V, 100_000)
    started = time.process_time()
    train(state, tokens, iterations, arithmetic=arithmetic)
    return iterations / (time.process_time() - started)
