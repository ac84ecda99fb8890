"""Charts of the store's pages, as SVG whose colours and letters the page's style gives."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from flows.reporting.pages.markup import text

width, height = 900, 360
left, right, top, bottom = 72, 16, 16, 48  # margins
most_points = 1500  # of a line
label_share = 0.075  # of the height of the plot, which the name of a level takes
row_height, row_left = 34, 250  # of a chart of bars

Points = Sequence[tuple[float, float]]


class Series(NamedTuple):
    """Points with a name in the legend."""

    name: str
    colour: str  # a class of the style
    points: Points
    shape: Literal["line", "steps", "dots"] = "line"


class Scale(NamedTuple):
    """From values to places."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def line_chart(
    series: Sequence[Series],
    levels: Mapping[str, float],
    *,
    x_name: str,
    y_name: str,
    is_time: bool = False,
) -> str:
    """Lines over numbers, or over seconds since 1970 if `is_time`; levels are horizontal lines."""
    drawn = [one for one in series if one.points]
    xs = [x for one in drawn for x, _ in one.points]
    ys = [y for one in drawn for _, y in one.points] + list(levels.values())
    across = Scale(*_span(xs, 0.02), left, width - right)
    up = Scale(*_span(ys, 0.06), height - bottom, top)
    marks = _days(across) if is_time else labelled(across.low, across.high)
    shapes = [_shape(one, across, up) for one in drawn]
    svg = [*_axes(marks, across, up), *_levels(levels, up), *shapes]
    legend = "".join(
        f'<span><i class="key {one.colour}"></i>{text(one.name)}</span>' for one in drawn
    )
    names = f"{text(y_name)}, by {text(x_name)}"
    return _figure(height, names, svg, f'{names}<br><span class="legend">{legend}</span>')


def bar_chart(rows: Sequence[tuple[str, float, float, float]], name: str) -> str:
    """For each row its label, a bar from the second to the fourth number, and a mark at the third."""
    ends = [value for _, low, _, high in rows for value in (low, high)]
    across = Scale(min(0.0, *ends), max(*ends, 1e-9) * 1.04, row_left, width - right)
    size = row_height * len(rows) + 36
    svg = [
        part
        for tick, label in labelled(across.low, across.high)
        for part in (
            f'<path class="grid" d="M{across(tick):.1f} 0V{size - 32}"/>',
            f'<text x="{across(tick):.1f}" y="{size - 10}" text-anchor="middle">{label}</text>',
        )
    ]
    for number, (label, low, middle, high) in enumerate(rows):
        y = number * row_height + 6
        bar = f'x="{across(low):.1f}" y="{y}" width="{across(high) - across(low):.1f}"'
        svg += [
            f'<text x="{row_left - 12}" y="{y + 16}" text-anchor="end">{text(label)}</text>',
            f'<rect class="fill blue" fill-opacity="0.45" {bar} height="{row_height - 12}"/>',
            f'<path class="line blue" d="M{across(middle):.1f} {y}v{row_height - 12}"/>',
        ]
    return _figure(size, name, svg, text(name))


def labelled(low: float, high: float) -> list[tuple[float, str]]:
    """Some four to eight round numbers from low to high, each as people read it.

    >>> labelled(0.8, 3.1)
    [(1.0, '1.0'), (1.5, '1.5'), (2.0, '2.0'), (2.5, '2.5'), (3.0, '3.0')]
    """
    power = math.floor(math.log10((high - low) / 4))
    step = (
        max(factor for factor in (1, 2, 5) if factor * 10.0**power <= (high - low) / 4)
        * 10.0**power
    )
    values = (step * at for at in range(math.ceil(low / step), math.floor(high / step) + 1))
    return [(value, f"{value:,.{max(0, -power)}f}") for value in values]


def _span(values: Iterable[float], margin: float) -> tuple[float, float]:
    """From the least to the largest value, with a margin, never empty."""
    known = list(values) or [0.0, 1.0]
    low, high = min(known), max(known)
    more = (high - low) * margin or max(abs(high) * margin, 1e-3)
    return low - more, high + more


def _days(across: Scale) -> list[tuple[float, str]]:
    """Four times, by day, or by minute where all are within two days."""
    step = (across.high - across.low) / 4
    form = "%d %b %Y" if step > 24 * 3600 else "%d %b %H:%M"
    times = [across.low + step * (at + 0.5) for at in range(4)]
    return [(time, datetime.fromtimestamp(time, UTC).strftime(form)) for time in times]


def _axes(marks: Iterable[tuple[float, str]], across: Scale, up: Scale) -> Iterator[str]:
    for y, label in labelled(up.low, up.high):
        yield f'<path class="grid" d="M{left} {up(y):.1f}H{width - right}"/>'
        yield f'<text x="{left - 8}" y="{up(y) + 5:.1f}" text-anchor="end">{label}</text>'
    for x, label in marks:
        yield f'<path class="grid" d="M{across(x):.1f} {height - bottom}v6"/>'
        yield f'<text x="{across(x):.1f}" y="{height - bottom + 28}" text-anchor="middle">{label}</text>'


def _levels(levels: Mapping[str, float], up: Scale) -> Iterator[str]:
    """A dotted line for each level; its name stands at the right, above that of the one below."""
    place, room = -math.inf, label_share * (up.high - up.low)
    for name, value in sorted(levels.items(), key=lambda item: item[1]):
        place = max(value, place + room)
        yield f'<path class="level grey" d="M{left} {up(value):.1f}H{width - right}"/>'
        yield f'<text class="halo" x="{width - right - 4}" y="{up(place) - 4:.1f}" text-anchor="end">'
        yield f"{text(name)}</text>"


def _shape(series: Series, across: Scale, up: Scale) -> str:
    """The points of a series, thinned where there are more than can be seen."""
    every = math.ceil(len(series.points) / most_points)
    kept = [*series.points[:-1:every], series.points[-1]]
    places = [(f"{across(x):.1f}", f"{up(y):.1f}") for x, y in kept]
    if series.shape == "dots" or len(places) == 1:
        dots = "".join(f'<circle class="fill" cx="{x}" cy="{y}" r="4"/>' for x, y in places)
        return f'<g class="{series.colour}">{dots}</g>'
    (x, y), *others = places
    steps = "".join(f"H{x}V{y}" if series.shape == "steps" else f"L{x} {y}" for x, y in others)
    return f'<path class="line {series.colour}" d="M{x} {y}{steps}"/>'


def _figure(tall: int, name: str, svg: Iterable[str], caption: str) -> str:
    size = f'viewBox="0 0 {width} {tall}" role="img" aria-label="{text(name)}"'
    drawn = "\n".join(svg)
    return (
        f'<figure class="chart"><svg {size}>\n{drawn}\n</svg>'
        f"<figcaption>{caption}</figcaption></figure>"
    )
