"""The loss curve as a picture, drawn from the records of a run."""

from __future__ import annotations

import io
import math

from flows.storage.checkpoints import CheckpointRecord

inches = (8.0, 3.6)
dots_per_inch = 110


def loss_curve_png(records: list[CheckpointRecord], title: str) -> bytes:
    """Training and held-out bits per character by iteration, as a PNG on a white ground."""
    # Imported here, since it costs half a second that only a picture is worth.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=inches, dpi=dots_per_inch, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    training = [(r.iteration, r.loss / math.log(2)) for r in records if r.loss is not None]
    held_out = [
        (r.iteration, r.held_out_bits_per_character)
        for r in records
        if r.held_out_bits_per_character is not None
    ]
    for points, label, colour in (
        (training, "training, mean since the checkpoint before", "#1f6f8b"),
        (held_out, "held-out text", "#d1495b"),
    ):
        if points:
            axes.plot(*zip(*points, strict=True), marker=".", label=label, color=colour)
    axes.set(title=title, xlabel="iteration", ylabel="bits per character")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
