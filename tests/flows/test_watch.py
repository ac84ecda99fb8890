"""The watch: what counts as a change of a corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from flows.watch import watch


@pytest.fixture
def check(store: Path) -> Callable[[str | list[str]], str]:
    """Checks a corpus; the finding, in words."""
    return lambda corpus: watch(corpus=corpus, store=str(store)).finding


def test_a_corpus_is_new_at_first_and_then_unchanged(
    check: Callable[..., str], corpus: Path
) -> None:
    """The first check only records the state; the second finds the same."""
    assert ["seen for the first time", "unchanged"] == [check(str(corpus)) for _ in range(2)]


def test_a_change_is_found_once(check: Callable[..., str], corpus: Path) -> None:
    """The check after the one that found a change finds none."""
    check(str(corpus))
    corpus.write_text("another text")

    assert ["changed", "unchanged"] == [check(str(corpus)) for _ in range(2)]


def test_a_new_file_of_a_pattern_is_a_change(check: Callable[..., str], corpus: Path) -> None:
    """A corpus is all files that its pattern matches."""
    pattern = f"{corpus.parent}/*.txt"
    check(pattern)
    (corpus.parent / "more.txt").write_text("more")

    assert "changed" == check(pattern)


def test_corpora_are_watched_separately(check: Callable[..., str], corpus: Path) -> None:
    """The same file alone and in a list are two sources."""
    check(str(corpus))

    assert "seen for the first time" == check([str(corpus), str(corpus)])


def test_bytes_are_compared_if_the_backend_has_no_tag(check: Callable[..., str]) -> None:
    """Without tag and time, another text of the same length is recognised by its digest."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/watched/text.txt", b"ebb tide")
    check("memory://watched/text.txt")
    memory.pipe("/watched/text.txt", b"low tide")

    assert ["changed", "unchanged"] == [check("memory://watched/text.txt") for _ in range(2)]
