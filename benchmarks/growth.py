"""Claim: speed grows and falls with the shape of the work, and nowhere off a cliff."""

from __future__ import annotations

import os
import time
from pathlib import Path

from benchmarks.side_by_side import today
from benchmarks.texts import random_tokens
from rnncore import Hyperparameters, TrainingState, train
from rnncore.training import Backend

page = Path(__file__).parent / "growth.md"
picture = page.with_suffix(".svg")
axes = {
    "hidden_size": (32, 64, 100, 128, 256, 512, 1024),
    "seq_length": (10, 25, 50, 100),
    "batch_size": (1, 4, 16, 64, 256),
    "vocabulary_size": (30, 66, 250, 1000, 5000),
}
centre = {"hidden_size": 100, "seq_length": 10, "batch_size": 1, "vocabulary_size": 66}
seconds = 0.4  # of training a point

Curve = list[tuple[int, float]]


def measure() -> dict[str, dict[str, Curve]]:
    """Characters per second along each axis, of one stream and of 64; of these in numpy too.

    That the kernels are the faster everywhere, numpy's products of large matrices included, is why
    `train` chooses them for every shape.
    """
    curves: dict[str, dict[str, Curve]] = {}
    for axis, values in axes.items():
        curves[axis] = {
            name: [(value, speed(backend, **(centre | shape | {axis: value}))) for value in values]
            for name, (backend, shape) in contenders(axis).items()
        }
    return curves


def contenders(axis: str) -> dict[str, tuple[Backend, dict[str, int]]]:
    """What each curve along `axis` shows: a backend, and a batch where the axis is another."""
    if axis == "batch_size":
        return {"compiled": ("compiled", {}), "numpy": ("numpy", {})}
    many = {"batch_size": 64}
    return {
        "1 stream": ("compiled", {}),
        "64 streams": ("compiled", many),
        "64 streams, numpy": ("numpy", many),
    }


def speed(
    backend: Backend, *, hidden_size: int, seq_length: int, batch_size: int, vocabulary_size: int
) -> float:
    """Characters per second of training."""
    options = Hyperparameters(hidden_size=hidden_size, seq_length=seq_length, batch_size=batch_size)
    tokens = random_tokens(vocabulary_size, max(100_000, batch_size * seq_length * 4))
    state = TrainingState.initial(vocabulary_size, options, seed=0)
    iterations, elapsed = 1, 0.0
    while elapsed < seconds:
        started = time.perf_counter()
        train(state, tokens, iterations, backend)
        elapsed = time.perf_counter() - started
        iterations *= 1 if elapsed >= seconds else 2
    return iterations * seq_length * batch_size / elapsed


def table(curves: dict[str, dict[str, Curve]]) -> str:
    """The figures as Markdown."""
    lines = []
    for axis, by_name in curves.items():
        values = [value for value, _ in next(iter(by_name.values()))]
        lines += [f"| {axis} | " + " | ".join(f"{value:,}" for value in values) + " |"]
        lines += ["|---|" + "---:|" * len(values)]
        for label, curve in by_name.items():
            lines += [f"| {label} | " + " | ".join(f"{rate:,.0f}" for _, rate in curve) + " |"]
        lines += [""]
    return "\n".join(lines)


def write(curves: dict[str, dict[str, Curve]], processor: str) -> None:
    """The figures as a page, beside the picture."""
    page.write_text(
        f"""# Training, characters per second

{processor}, {os.cpu_count()} cores, {today()}; written by `make bench`, or `python -m benchmarks growth`.
What an axis does not name is as in the notebook: hidden 100, seq_length 10, vocabulary 66, float32.

{table(curves)}
![The same as curves]({picture.name})
""",
        encoding="utf-8",
    )


def draw(curves: dict[str, dict[str, Curve]]) -> None:
    """The figures as a picture, in the folder of this file."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "growth"
    figure = Figure(figsize=(9, 6), layout="constrained", facecolor="white")
    for place, (axis, by_name) in zip(figure.subplots(2, 2).flat, curves.items(), strict=True):
        for label, curve in by_name.items():
            place.loglog(*zip(*curve, strict=True), marker="o", label=label)
        values = axes[axis]
        place.set_xticks(values, [f"{value:,}" for value in values], minor=False)
        place.minorticks_off()
        place.set(xlabel=axis, ylabel="characters per second")
        place.grid(alpha=0.3)
        place.legend(frameon=False)
    figure.savefig(picture, metadata={"Date": None})
