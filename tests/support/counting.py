"""Counts of tests, as sentences."""

from __future__ import annotations

from collections.abc import Mapping


def shown(what: str, counts: Mapping[str, int]) -> str:
    """Counts as a sentence."""
    return f"{what}: " + ", ".join(f"{number:,} {name}" for name, number in counts.items())
