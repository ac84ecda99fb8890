"""Draw the figures of mathematics.md: `python docs/draw_figures.py` gives the same bytes each time."""

# ruff: noqa: INP001 - a script beside the page that it illustrates, not a package

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from rnncore import Hyperparameters, adagrad
from rnncore.network import softmax_loss
from rnncore.parameters import FloatArray, Parameters

width = 7.0  # inches, of 100 px each
ink, grey = "#24292f", "#59636e"
blue, amber, green, red = "#0b62c4", "#b35900", "#1a7f37", "#cf222e"
pale = {blue: "#ddeeff", amber: "#fff1dd", green: "#dff5e3", grey: "#f0f2f4"}
Point = tuple[float, float]


def canvas(height: float, columns: float, rows: float) -> tuple[Figure, Axes]:
    """An empty figure without axes: x from 0 to `columns`, y from 0 to `rows`."""
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, columns), ylim=(0, rows))
    axes.axis("off")
    return figure, axes


def box(axes: Axes, at: Point, size: Point, text: str, colour: str, points: float = 10) -> None:
    """A rounded box with its centre at `at`."""
    corner = at[0] - size[0] / 2, at[1] - size[1] / 2
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=pale[colour], ec=colour))
    label(axes, at, text, ink, points)


def label(axes: Axes, at: Point, text: str, colour: str = grey, points: float = 9) -> None:
    """Text centred at `at`."""
    axes.text(*at, text, color=colour, fontsize=points, ha="center", va="center", linespacing=1.35)


def note(axes: Axes, at: Point, text: str, colour: str = grey, points: float = 9) -> None:
    """Text that starts at `at`."""
    axes.text(*at, text, color=colour, fontsize=points, ha="left", va="center", linespacing=1.35)


def arrow(
    axes: Axes, start: Point, end: Point, colour: str, style: str = "-", bend: float = 0
) -> None:
    """An arrow from `start` to `end`; `bend` makes it an arc."""
    look = {"arrowstyle": "-|>", "color": colour, "linestyle": style, "linewidth": 1.2}
    path = {"shrinkA": 0, "shrinkB": 0, "connectionstyle": f"arc3,rad={bend}"}
    axes.annotate("", end, start, arrowprops=look | path)


def unrolled() -> Figure:
    """The network unrolled over four characters, with the shape of each vector."""
    figure, axes = canvas(4.2, 14, 8.4)
    target, p, h, x, given = 7.9, 6.6, 4.5, 2.4, 1.1
    for t, letter in enumerate("tatt"):
        at = 4.0 + 2.5 * t
        label(axes, (at, given), f"“{letter}”", ink, 12)
        box(axes, (at, x), (1.4, 0.8), f"$x_{t + 1}$", grey, 12)
        box(axes, (at, h), (1.4, 0.8), f"$h_{t + 1}$", blue, 12)
        box(axes, (at, p), (1.4, 0.8), f"$p_{t + 1}$", green, 12)
        label(axes, (at, target), f"“{'attl'[t]}”", ink, 12)
        for below, above in pairwise((given, x, h, p)):
            arrow(axes, (at, below + 0.4), (at, above - 0.4), ink)
        arrow(axes, (at, target - 0.35), (at, p + 0.4), amber, "--")
        arrow(axes, (at - 1.8, h), (at - 0.7, h), blue)
        note(axes, (at + 0.15, 3.45), "$W_{xh}$")
        note(axes, (at + 0.15, 5.55), "$W_{hy}$")
        label(axes, (at - 1.25, h + 0.42), "$W_{hh}$")
    arrow(axes, (12.2, h), (13.1, h), blue)
    label(axes, (13.5, h), "$h_4$\nkept", blue)
    label(axes, (1.95, h), "$h_0$", blue, 12)
    note(axes, (0.15, target), "target\ncharacter")
    note(axes, (0.15, p), "probabilities\n(V,)")
    note(axes, (0.15, h), "hidden\nstate (H,)")
    note(axes, (0.15, x), "one-hot input\n(V,)")
    note(axes, (0.15, given), "input\ncharacter")
    note(axes, (4.15, 7.28), "cross entropy", amber, 8)
    weights = "$W_{xh}$, $W_{hh}$, $W_{hy}$, $b_h$, $b_y$"
    label(axes, (7.75, 0.25), f"the same five arrays {weights} at every step")
    return figure


def hidden_state() -> Figure:
    """A text of 43 characters read ten at a time, and the hidden state before each sequence."""
    figure, axes = canvas(2.9, 48, 13)
    for n in range(43):
        colour = grey if n >= 40 else blue if n // 10 % 2 else green  # noqa: PLR2004 - as in the text
        box(axes, (2.5 + n, 8.5), (0.86, 1.5), "", colour)
    for n in range(4):
        label(axes, (7 + 10 * n, 6.5), f"iteration {n + 1}\nposition {10 * n}", ink)
    for start in (12, 22, 32):
        arrow(axes, (start - 1.5, 9.5), (start + 0.5, 9.5), blue, bend=-0.7)
        label(axes, (start - 0.5, 11.2), "hidden state kept", blue)
    label(axes, (2.5, 11.2), "zeros", red)
    arrow(axes, (2.5, 10.7), (2.5, 9.4), red)
    label(axes, (42.5, 11.6), "a target\nonly", grey)
    arrow(axes, (42.5, 10.7), (42.5, 9.4), grey)
    label(axes, (43.5, 6.5), "never\nan input", grey)
    axes.plot([43.5, 43.5, 2.5, 2.5], [5.3, 3.7, 3.7, 5], color=red, lw=1.2, ls="--")
    arrow(axes, (2.5, 5), (2.5, 7.4), red)
    label(axes, (23, 2.5), r"iteration 5 would start at position 40: $40 + 10 + 1 \geq 43$", red)
    label(
        axes,
        (23, 1),
        "so position and hidden state are set to 0; weights and Adagrad's sums are kept",
        red,
    )
    return figure


def streams() -> Figure:
    """One text cut into three streams that are read in parallel."""
    figure, axes = canvas(2.5, 48, 12)
    for stream, colour in enumerate((green, blue, amber)):
        first, y = 12 * stream, 6.4 - 2.1 * stream
        box(axes, (7 + first, 10.4), (11.8, 1.5), f"characters {first} to {first + 11}", colour)
        note(axes, (1, y), f"stream {stream}", ink)
        for n in range(12):
            box(axes, (10 + 2.2 * n, y), (2, 1.5), str(first + n), colour, 9)
    box(axes, (39, 10.4), (1.8, 1.5), "", grey)
    note(axes, (40.4, 10.4), "rest, unused")
    label(axes, (14.4, 8.2), "iteration 1 reads", ink)
    label(axes, (25.4, 8.2), "iteration 2 reads", ink)
    for x in (8.9, 19.9, 30.9):
        axes.plot([x, x], [1.1, 8], color=ink, lw=1.2)
    note(axes, (36, 4.3), "T = 5, B = 3:\none iteration trains\non 15 characters", ink)
    return figure


def gradient() -> Figure:
    """Where the gradient of each hidden state comes from, and which gradients of weights it gives."""
    figure, axes = canvas(4.2, 14, 8.4)
    dy, dh, raw, sums = 7.6, 5.5, 3.4, 1.3
    for t in range(1, 5):
        at = 0.9 + 2.8 * t
        box(axes, (at, dy), (1.6, 0.8), f"$dy_{t}$", amber, 12)
        box(axes, (at, dh), (1.6, 0.8), f"$dh_{t}$", blue, 12)
        box(axes, (at, raw), (1.6, 0.8), f"$dr_{t}$", blue, 12)
        arrow(axes, (at, dy - 0.4), (at, dh + 0.4), amber)
        arrow(axes, (at, dh - 0.4), (at, raw + 0.4), blue)
        arrow(axes, (at, raw - 0.4), (at, sums + 0.55), grey)
        note(axes, (at + 0.12, 6.55), r"$W_{hy}^{\top}$", amber)
        note(axes, (at + 0.12, 4.65), rf"$1-h_{t}^2$", blue)
        if t > 1:
            arrow(axes, (at - 0.8, raw), (at - 2, dh), blue)
            label(axes, (at - 1.05, 4.5), r"$W_{hh}^{\top}$", blue)
    axes.plot([1.95, 2.9], [4.8, raw], color=blue, lw=1.2)
    axes.plot(1.95, 4.8, marker="x", color=red, markersize=9, markeredgewidth=2)
    note(axes, (0.15, 3.7), "cut: nothing\npasses into the\nsequence before", red)
    arrow(axes, (13.4, dh), (12.9, dh), blue)
    label(axes, (13.65, dh), "0", blue, 12)
    note(axes, (0.15, dy), "error of each\nprediction", amber)
    note(axes, (0.15, dh), "error of each\nhidden state", blue)
    box(axes, (7.9, sums), (10.4, 1.1), "", grey)
    label(axes, (7.9, sums), "summed over the steps: $dW_{xh}$, $dW_{hh}$, $db_h$", ink)
    label(axes, (7.9, 0.3), "time runs to the right, the error to the left")
    return figure


def temperature() -> Figure:
    """One distribution over eight characters at four temperatures."""
    scores = np.log([0.32, 0.22, 0.15, 0.11, 0.08, 0.06, 0.04, 0.02])
    figure = Figure(figsize=(width, 2.4), facecolor="white", layout="constrained")
    panels = figure.subplots(1, 4, sharey=True)
    for axes, divisor in zip(panels, (0.0, 0.5, 1.0, 2.0), strict=True):
        _, ps = softmax_loss(scores / max(divisor, 1e-3), np.array(0))
        bits = abs(float(np.sum(ps * np.log2(np.maximum(ps, 1e-300)))))
        axes.bar(range(8), ps, color=green if divisor == 1 else blue, width=0.75)
        axes.set_title(f"temperature {divisor:g}\n{bits:.2f} bits", fontsize=9.5, color=ink)
        axes.set_xticks(range(8), list("eaoi␣hsz"))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=2, labelsize=9)
    panels[0].set_ylabel("probability", fontsize=9.5)
    return figure


def adagrad_steps(gradients: FloatArray) -> FloatArray:
    """Size of each step of `rnncore.adagrad` for a single weight with these gradients."""
    rate = Hyperparameters().learning_rate
    weight, sums, sizes = np.zeros(1), np.zeros(1), np.zeros(len(gradients))
    rest = [np.zeros(0)] * 4
    for n, gradient in enumerate(gradients):
        weight[:] = 0
        given = Parameters(np.array([gradient]), *rest)
        adagrad.update(Parameters(weight, *rest), Parameters(sums, *rest), given, rate)
        sizes[n] = abs(weight[0])
    return sizes


def adagrad_shrinks() -> Figure:
    """Left: steps with frequent and with rare gradients. Right: an outlier, clipped and not."""
    figure = Figure(figsize=(width, 2.9), facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    n = np.arange(1, 101)
    left.plot(n, adagrad_steps(np.ones(100)), color=blue, label="gradient at every iteration")
    left.plot(n[::10], adagrad_steps(np.ones(10)), "o", color=amber, label="at every tenth")
    left.set_title("steps shrink as gradients add up", fontsize=10, color=ink)
    for outlier, colour, text in ((5.0, green, "clipped to 5"), (500.0, red, "not clipped")):
        gradients = np.full(100, 0.5)
        gradients[19] = outlier
        right.plot(n, adagrad_steps(gradients), color=colour, label=text)
    right.set_title("gradients of 0.5, but one outlier, the 20th", fontsize=10, color=ink)
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_xlabel("iteration", fontsize=9.5)
        axes.legend(fontsize=8.5, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    left.set_ylabel("size of the step", fontsize=9.5)
    return figure


def main() -> None:
    """Write all figures as SVG, with neither date nor version in them."""
    mpl.rcParams["svg.hashsalt"] = "rnncore"
    folder = Path(__file__).parent / "figures"
    folder.mkdir(exist_ok=True)
    for draw in (unrolled, hidden_state, streams, gradient, temperature, adagrad_shrinks):
        name = draw.__name__.replace("_", "-")
        draw().savefig(folder / f"{name}.svg", metadata={"Date": None, "Creator": None})


if __name__ == "__main__":
    main()
