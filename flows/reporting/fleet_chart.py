"""The gains of a fleet as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from flows.reporting.curve import as_png, background, blue, empty_figure, muted, red, text

most_bars = 60  # models with a bar of their own: of more the shares are drawn


def gain_chart_png(gains: Sequence[float], counts: str) -> bytes:
    """The gain of each model that was decided about, the largest first, as a PNG.

    `counts` says what came of all models.
    """
    figure, axes = empty_figure()
    ordered = sorted(gains, reverse=True)
    colours = [blue if gain > 0 else red for gain in ordered]
    width = 0.8 if len(ordered) <= most_bars else 1.0
    axes.bar(range(1, len(ordered) + 1), ordered, width, color=colours, edgecolor=background)
    axes.axhline(0, color=muted, linewidth=0.8)
    axes.set_title(counts, color=text, loc="left")
    axes.set_xlabel("models with a champion before, by gain", color=text)
    axes.set_ylabel("gain, bits per character", color=text)
    axes.grid(axis="y", alpha=0.35)
    axes.spines[["right", "top"]].set_visible(False)
    if not ordered:
        axes.set_xticks([])
        axes.annotate(
            "no model was compared with a champion",
            (0.5, 0.5),
            xycoords="axes fraction",
            ha="center",
            color=muted,
        )
    return as_png(figure)
