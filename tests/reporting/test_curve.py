"""The picture of learning: it starts after the untrained checkpoint, and marks what matters."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from flows.reporting import curve
from flows.reporting.curve import (
    held_out_points,
    loss_curve_png,
    training_points,
    untrained_note,
)
from flows.storage import CheckpointRecord
from tests.support.states import facts


def record(iteration: int, loss: float | None, held_out: float | None) -> CheckpointRecord:
    """A checkpoint's record."""
    own = {"iteration": iteration, "loss": loss, "held_out_bits_per_character": held_out}
    return CheckpointRecord.model_validate({**facts, "digest": "0" * 64, "size": 1, **own})


records = [
    record(0, None, 6.2),
    record(100_000, 2.0, 2.9),
    record(150_000, 1.9, None),  # stopped by a signal
    record(200_000, 1.8, 2.7),
    record(300_000, 1.7, 2.8),
]


def picture(records: list[CheckpointRecord], **options: Any) -> np.ndarray:
    """The pixels, (height, width, RGBA)."""
    png = loss_curve_png(records, "Model m", iterations_per_epoch=3835, **options)
    assert png.startswith(b"\x89PNG")
    return np.asarray(imread(io.BytesIO(png)))


def test_the_curve_starts_after_the_untrained_checkpoint() -> None:
    """The note has its bits; iterations are in thousands, losses in bits."""
    assert [(100, 2.9), (200, 2.7), (300, 2.8)] == held_out_points(records)
    assert [100, 150, 200, 300] == [thousands for thousands, _ in training_points(records)]
    assert 2.0 / math.log(2) == training_points(records)[0][1]
    assert "untrained: 6.200 on the held-out text" == untrained_note(records)
    assert untrained_note(records[1:]) is None


@pytest.mark.parametrize("count", [0, 1, 2, len(records)])
def test_any_number_of_checkpoints_can_be_drawn(count: int) -> None:
    """Also a run that has only just begun."""
    assert 3 == picture(records[:count]).ndim


def test_it_is_readable_in_light_and_in_dark_pages() -> None:
    """Its ground is its own: opaque and light in every corner, with a frame around it."""
    pixels = picture(records)

    assert (pixels[..., 3] == 1).all()
    inner = pixels[3:-3, 3:-3, :3]
    for corner in (inner[0, 0], inner[0, -1], inner[-1, 0], inner[-1, -1]):
        assert corner.min() > 0.95
    assert pixels[0, :, :3].mean() < inner[0, :, :3].mean()


def test_the_champion_before_is_marked() -> None:
    """A line of its own colour, only where there was a champion."""

    def green(pixels: np.ndarray) -> int:
        red, green_, blue = (pixels[..., channel] for channel in range(3))
        return int(((green_ > red + 0.2) & (green_ > blue + 0.2)).sum())

    assert 0 == green(picture(records))
    assert green(picture(records, champion_bits=2.75)) > 100


def lines_of(monkeypatch: pytest.MonkeyPatch, entropies: Mapping[int, float]) -> tuple[Any, ...]:
    """Heights of the dotted lines, and names with their heights, of a loss curve."""
    drawn: list[Any] = []
    monkeypatch.setattr(curve, "as_png", drawn.append)
    loss_curve_png(records, "Model m", iterations_per_epoch=3835, entropies=entropies)
    (axes,) = drawn[0].axes
    heights = [line.get_ydata()[0] for line in axes.lines if line.get_linestyle() == ":"]
    return heights, {label.get_text(): label.xy[1] for label in axes.texts}


def test_entropies_of_the_text_are_lines_with_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """In bits per character, as the curve is; none where the text was not measured."""
    heights, names = lines_of(monkeypatch, {0: 4.2, 1: 3.3, 2: 2.7, 3: 2.1})

    assert [4.2, 3.3, 2.7, 2.1] == heights
    assert {
        "order 0: 4.20": 4.2,
        "order 1: 3.30": 3.3,
        "order 2: 2.70": 2.7,
        "order 3: 2.10": 2.1,
    } == (names)
    assert ([], {}) == lines_of(monkeypatch, {})


def test_names_of_lines_that_lie_close_do_not_cover_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, names = lines_of(monkeypatch, {0: 0.0, 1: 0.0, 2: 0.0, 3: 0.0})
    places = sorted(names.values())

    assert all(after - before > 0.1 for before, after in pairwise(places))


def test_a_curve_with_entropies_is_a_picture() -> None:
    assert not np.array_equal(picture(records), picture(records, entropies={1: 3.2}))
