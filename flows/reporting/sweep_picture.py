"""A sweep as a picture: held-out bits of each cell against the time that its training took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from flows.reporting.curve import as_png, blue, empty_figure, green, muted, red, text

most_named = 12  # cells whose number is written beside their last point


def sweep_png(rows: Sequence[Mapping[str, Any]], title: str) -> bytes:
    """A line for each cell, a point for each rung, the chosen one a star, as a PNG; the cost by its logarithm.

    Where no speed is known the cost is in iterations.
    """
    cost = "seconds" if all(row["seconds"] for row in rows if row["iterations"]) else "iterations"
    figure, axes = empty_figure()
    lines: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        if row[cost] and row["bits_per_character_even"]:
            lines.setdefault(row["cell"], []).append(row)
    for number, line in lines.items():
        points = [(row[cost], row["bits_per_character_even"]) for row in line]
        axes.plot(*zip(*points, strict=True), color=_colour(line), marker=".", linewidth=1)
        if len(lines) <= most_named:
            axes.annotate(f" {number}", points[-1], fontsize=8, color=muted)
    _legend(axes, [row for line in lines.values() for row in line], cost)
    axes.set_title(title, color=text, loc="left")
    axes.set_xlabel("seconds of training" if cost == "seconds" else cost, color=text)
    axes.set_ylabel("bits per character, even blocks", color=text)
    if lines:
        ticker: Any = import_module("matplotlib.ticker")  # its types leave these out
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(ticker.LogFormatter(minor_thresholds=(1.5, 0.5)))
    axes.grid(alpha=0.35, which="both")
    axes.spines[["right", "top"]].set_visible(False)
    return as_png(figure)


def _colour(line: Sequence[Mapping[str, Any]]) -> str:
    return {"stopped": muted, "failed": red}.get(line[-1]["state"], blue)


def _legend(axes: Any, rows: Sequence[Mapping[str, Any]], cost: str) -> None:
    """What the colours are, and the cheapest cells for their bits."""
    best: list[Mapping[str, Any]] = []
    for row in sorted(rows, key=lambda row: row[cost]):
        if not best or row["bits_per_character_even"] < best[-1]["bits_per_character_even"]:
            best.append(row)
    if best:
        points = [(row[cost], row["bits_per_character_even"]) for row in best]
        axes.plot(*zip(*points, strict=True), "--", color=green, label="fewest bits for the time")
    for row in rows:
        if row["state"] == "chosen":
            label = f"chosen: cell {row['cell']}, {row['bits_per_character_even']:.3f}"
            style = {"marker": "*", "markersize": 13, "linestyle": "none", "color": red}
            axes.plot([row[cost]], [row["bits_per_character_even"]], label=label, **style)
            break
    axes.plot([], [], color=muted, label="stopped at a rung")
    axes.plot([], [], color=blue, label="trained to the end")
    axes.legend(frameon=False, labelcolor=text)
