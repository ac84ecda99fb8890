"""The watch: what counts as a change of a corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest

from flows.watch import watch


@pytest.fixture
def looked(store: Path) -> Callable[[str | list[str]], str]:
    """What a look at a corpus finds, in words."""
    return lambda corpus: watch(corpus=corpus, store=str(store)).finding


def test_first_sight_then_unchanged(looked: Callable[..., str], corpus: Path) -> None:
    """The first look only writes down; the second finds the same."""
    assert ["seen for the first time", "unchanged"] == [looked(str(corpus)) for _ in range(2)]


def test_a_change_is_found_once(looked: Callable[..., str], corpus: Path) -> None:
    """The look after the one that found a change finds none."""
    looked(str(corpus))
    corpus.write_text("another text")

    assert ["changed", "unchanged"] == [looked(str(corpus)) for _ in range(2)]


def test_a_new_file_of_a_pattern_is_a_change(looked: Callable[..., str], corpus: Path) -> None:
    """A corpus is all that its pattern matches."""
    pattern = f"{corpus.parent}/*.txt"
    looked(pattern)
    (corpus.parent / "more.txt").write_text("more")

    assert "changed" == looked(pattern)


def test_corpora_are_watched_apart(looked: Callable[..., str], corpus: Path) -> None:
    """The same file alone and in a list are two sources."""
    looked(str(corpus))

    assert "seen for the first time" == looked([str(corpus), str(corpus)])


def test_bytes_tell_where_a_backend_does_not(looked: Callable[..., str]) -> None:
    """Without tag and time, a text of the same length is told apart by its digest."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/watched/text.txt", b"ebb tide")
    looked("memory://watched/text.txt")
    memory.pipe("/watched/text.txt", b"low tide")

    assert ["changed", "unchanged"] == [looked("memory://watched/text.txt") for _ in range(2)]
