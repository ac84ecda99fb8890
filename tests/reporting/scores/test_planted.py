"""Planted lines are found: broken ones in a log, and other languages in English."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from tests.support.planted import Found, in_english, in_log, log_lines, split_bundled, trained_on

Count = Callable[[str], None]


def shown(what: str, found: Found) -> str:
    """The figures in a sentence."""
    return (
        f"{what}: {found.planted} of {found.lines:,} lines planted, precision at k"
        f" {found.precision:.2f}, median rank {found.rank:g}"
    )


def test_broken_lines_of_a_log_are_the_most_surprising(count: Count) -> None:
    """Lines that were cut, and those whose fields or letters changed places."""
    payload = trained_on("\n".join(log_lines(4000, Random(0))), epochs=10)
    found = in_log(payload, 2000, planted=30)
    count(shown("broken log lines", found))

    assert found.precision >= 0.9
    assert found.rank <= 20


def test_lines_in_other_languages_are_the_most_surprising(count: Count) -> None:
    """Though they have the letters of English alone."""
    text, unseen = split_bundled()
    found = in_english(trained_on(text, epochs=60), unseen)
    count(shown("other languages in English", found))

    assert found.precision >= 0.9
    assert found.rank <= 15
