"""How often the characters of a text occur, as a picture."""

from __future__ import annotations

import unicodedata
from typing import Any

from flows.reporting.curve import as_png, blue, empty_figure, load_fonts, text
from flows.storage.profiles import Profile

most_bars = 40
names = {"\0": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", " ": "space"}


def character_chart_png(profile: Profile) -> bytes:
    """The most frequent characters by their share of the text, as a PNG."""
    shown = profile.frequent[:most_bars]
    figure, axes = empty_figure()
    shares = [100 * found.count / profile.characters for found in shown]
    axes.bar(range(len(shown)), shares, color=blue)
    axes.set_yscale("log")
    font = load_fonts()
    labels = [label_of(found.character, font) for found in shown]
    rotation = {"rotation": 90} if any(len(label) > 1 for label in labels) else {}
    ticks = axes.set_xticks(range(len(shown)), labels, color=text, parse_math=False, **rotation)
    for tick in ticks:
        tick.label1.set_fontsize(8)
    axes.set_title(_title(profile, len(shown)), color=text, loc="left")
    axes.set_ylabel("% of the text, log scale", color=text)
    axes.grid(axis="y", alpha=0.35)
    axes.spines[["right", "top"]].set_visible(False)
    return as_png(figure)


def label_of(character: str, font: Any) -> str:
    """A character as it stands below its bar: itself if `font` has it, else its name or code point."""
    is_own = character.isprintable() and not unicodedata.category(character).startswith("M")
    if is_own and character != " " and font.get_char_index(ord(character)):
        return character
    return names.get(character, f"U+{ord(character):04X}")


def _title(profile: Profile, shown: int) -> str:
    if shown == profile.distinct_characters:
        return f"All {shown} characters of dataset {profile.dataset_id}"
    of_all = f"of {profile.distinct_characters:,}"
    return f"The {shown} most frequent {of_all} characters of dataset {profile.dataset_id}"
