"""The loss curve as a picture, drawn from the records of a run."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from flows.exceptions import FlowError
from flows.reporting.story import Story
from flows.storage.checkpoints import CheckpointRecord

inches = (8.0, 4.0)
dots_per_inch = 110
# A background of its own, so that it is readable in light and in dark pages.
background, text, muted = "#fbfbf9", "#24292f", "#8b949e"
blue, red, green = "#0b62c4", "#c4314b", "#1a7f37"

label_share = 0.045  # of the height of the axes, which the name of a line takes
no_entropies: Mapping[int, float] = {}

Points = list[tuple[float, float]]  # iteration in thousands, bits per character


def loss_curve_png(
    records: list[CheckpointRecord],
    title: str,
    *,
    iterations_per_epoch: float,
    champion_bits: float | None = None,
    entropies: Mapping[int, float] = no_entropies,
) -> bytes:
    """Bits per character of training and held-out text by iteration, as a PNG.

    The curve starts after the untrained checkpoint, whose bits are in a note: beside them the
    rest would look flat. `champion_bits` are those of the champion that the run is compared with,
    `entropies` those of the text, by order.
    """
    figure, axes = empty_figure()
    held_out = held_out_points(records)
    _plot(axes, training_points(records), "training text, mean since the previous checkpoint", blue)
    _plot(axes, held_out, "held-out text", red)
    _mark_best(axes, held_out)
    if champion_bits is not None:
        label = f"previous champion, {champion_bits:.3f} on the held-out text"
        axes.axhline(champion_bits, color=green, linestyle="--", linewidth=1.2, label=label)
    _draw_entropies(axes, entropies)
    _finish(axes, title, untrained_note(records), iterations_per_epoch)
    return as_png(figure)


def champion_curve_png(story: Story) -> bytes:
    """The champion's bits per character over the nights, and each version's, as a PNG.

    The entropies are those of the text that the champion of now was trained on.
    """
    figure, axes = empty_figure()
    nights = story.nights[::-1]
    line = [(night.time, night.champion_bits) for night in nights if night.champion_bits]
    if line:
        axes.step(*zip(*line, strict=True), where="post", label="champion", color=blue)
    for decision, colour in (("promoted", green), ("rejected", red), ("rolled_back", muted)):
        dots = [
            (night.time, night.entry.version.bits_per_character)
            for night in nights
            if night.decision == decision
            and night.entry.version.decision != "rolled_back"
            and night.entry.version.bits_per_character
        ]
        if dots:
            name = decision.replace("_", " ")
            axes.plot(*zip(*dots, strict=True), "o", markersize=4, label=name, color=colour)
    _draw_entropies(axes, story.entropies)
    axes.set_title(f"Model {story.model}", color=text, loc="left")
    axes.set_ylabel("bits per character, own held-out text", color=text)
    axes.grid(alpha=0.35)
    axes.spines[["right", "top"]].set_visible(False)
    _show_days(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, labelcolor=text)
    return as_png(figure)


def _show_days(axes: Any) -> None:
    """Name the day of each time, or the time of the day where all are of one."""
    dates: Any = import_module("matplotlib.dates")  # its types leave these out
    locator = dates.AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))


def _draw_entropies(axes: Any, entropies: Mapping[int, float]) -> None:
    """A thin line for each order, with its name at the right edge, above that of the one below."""
    if not entropies:
        return
    labels = ["entropies of the text, given so many characters", *[None] * len(entropies)]
    for bits, label in zip(entropies.values(), labels, strict=False):
        axes.axhline(bits, color=muted, linestyle=":", linewidth=1, label=label)
    low, high = axes.get_ylim()
    height, place = label_share * (high - low), -math.inf
    for order, bits in sorted(entropies.items(), key=lambda item: item[1]):
        place = max(bits, place + height)
        axes.annotate(
            f"order {order}: {bits:.2f}",
            (1.01, place),
            xycoords=axes.get_yaxis_transform(),
            va="center",
            color=muted,
            fontsize=8,
            annotation_clip=False,
        )


def as_png(figure: Any) -> bytes:
    """A figure as a PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, edgecolor=muted)
    return buffer.getvalue()


def load_matplotlib() -> tuple[Any, Any]:
    """Matplotlib's figure and canvas; `FlowError` if it finds no folder for its files."""
    try:  # imported here, since it costs half a second that only a picture is worth
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except OSError as error:
        raise FlowError(f"the loss curve cannot be drawn: {error}") from error
    return Figure, FigureCanvasAgg


def empty_figure() -> tuple[Any, Any]:
    """A figure with a frame, and its axes."""
    Figure, FigureCanvasAgg = load_matplotlib()
    figure = Figure(
        inches,
        dots_per_inch,
        facecolor=background,
        edgecolor=muted,
        linewidth=1,
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot(facecolor=background)


def training_points(records: list[CheckpointRecord]) -> Points:
    """The training loss of each checkpoint that was trained to."""
    return [
        (record.iteration / 1000, record.loss / math.log(2))
        for record in records
        if record.loss is not None
    ]


def held_out_points(records: list[CheckpointRecord]) -> Points:
    """The held-out bits of each checkpoint that has them, but not of the untrained one."""
    return [
        (record.iteration / 1000, record.held_out_bits_per_character)
        for record in records
        if record.iteration and record.held_out_bits_per_character is not None
    ]


def untrained_note(records: list[CheckpointRecord]) -> str | None:
    """Where the curve would have started."""
    untrained = next((record for record in records if record.iteration == 0), None)
    if untrained is None or untrained.held_out_bits_per_character is None:
        return None
    return f"untrained: {untrained.held_out_bits_per_character:.3f} on the held-out text"


def _plot(axes: Any, points: Points, label: str, colour: str) -> None:
    if points:
        marker = "." if len(points) > 1 else "o"
        axes.plot(*zip(*points, strict=True), marker=marker, label=label, color=colour)


def _mark_best(axes: Any, held_out: Points) -> None:
    """A star at the checkpoint with the fewest bits on held-out text."""
    if held_out:
        thousands, bits = min(held_out, key=lambda point: point[1])
        label = f"best checkpoint, {bits:.3f} at iteration {1000 * thousands:,.0f}"
        style = {"marker": "*", "markersize": 13, "linestyle": "none", "color": red}
        axes.plot([thousands], [bits], label=label, **style)


def _finish(axes: Any, title: str, note: str | None, iterations_per_epoch: float) -> None:
    """Labels, legend, and the epochs along the upper edge."""
    axes.set_title(title, color=text, loc="left")
    axes.set_xlabel("iteration (thousands)", color=text)
    axes.set_ylabel("bits per character", color=text)
    axes.grid(alpha=0.35)
    axes.spines[["right"]].set_visible(False)
    per_epoch = iterations_per_epoch / 1000
    epochs = axes.secondary_xaxis(
        "top", functions=(lambda x: x / per_epoch, lambda epoch: epoch * per_epoch)
    )
    epochs.set_xlabel("epoch", color=text)
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, labels, frameon=False, labelcolor=text, title=note, title_fontsize=9)
