"""How often the characters of a text occur, as a picture: an SVG, since its fonts are the reader's."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator
from html import escape

from flows.storage.profiles import CharacterCount, Profile

most_bars = 40
names = {"\0": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", " ": "space"}
width, height, left, top, bottom = 900, 320, 60, 40, 90  # pixels
blue, grey = "#1f77b4", "#888888"


def character_chart_svg(profile: Profile) -> str:
    """The most frequent characters by their share of the text, on a logarithmic scale."""
    shown = profile.frequent[:most_bars]
    powers = [math.log10(100 * found.count / profile.characters) for found in shown] or [0.0]
    low, high = math.ceil(min(powers)) - 1, max(math.ceil(max(powers)), math.ceil(min(powers)))
    scale = (height - top - bottom) / (high - low)
    size = f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12"'
    title = f"{_title(profile, len(shown))}, % of the text, log scale"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f'<text x="{left}" y="20" fill="{grey}">{title}</text>',
        *_lines(low, high, scale),
        *_bars(shown, [(power - low) * scale for power in powers]),
        "</svg>",
    ]
    return "".join(parts)


def label_of(character: str) -> str:
    """A character as it stands below its bar: itself where it can be seen, else name or code point."""
    combines = unicodedata.category(character).startswith("M")
    if character.isprintable() and not combines and not character.isspace():
        return character
    return names.get(character, f"U+{ord(character):04X}")


def _lines(low: int, high: int, scale: float) -> Iterator[str]:
    """A line at each power of ten."""
    for power in range(low, high + 1):
        y = height - bottom - (power - low) * scale
        yield f'<path d="M{left} {y:.1f}H{width}" stroke="{grey}" stroke-opacity="0.35"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" fill="{grey}" text-anchor="end">{10.0**power:g}</text>'


def _bars(shown: tuple[CharacterCount, ...], heights: list[float]) -> Iterator[str]:
    """A bar for each character, with a label and, where a mouse points at it, the count."""
    step = (width - left) / max(len(shown), 1)
    base = height - bottom
    for number, (found, size) in enumerate(zip(shown, heights, strict=False)):
        x, label = left + number * step, escape(label_of(found.character))
        yield f'<g><title>{label} {found.count:,}</title><rect x="{x + 0.1 * step:.1f}"'
        yield f' y="{base - size:.1f}" width="{0.8 * step:.1f}" height="{size:.1f}" fill="{blue}"/>'
        middle = x + step / 2
        turned = f' transform="rotate(-90 {middle:.1f} {base + 10})" text-anchor="end"'
        placed = turned if len(label_of(found.character)) > 1 else ' text-anchor="middle"'
        yield f'<text x="{middle:.1f}" y="{base + (10 if placed == turned else 16)}" fill="{grey}"'
        yield f"{placed}>{label}</text></g>"


def _title(profile: Profile, shown: int) -> str:
    if shown == profile.distinct_characters:
        return f"All {shown} characters of dataset {profile.dataset_id}"
    of_all = f"of {profile.distinct_characters:,}"
    return f"The {shown} most frequent {of_all} characters of dataset {profile.dataset_id}"
