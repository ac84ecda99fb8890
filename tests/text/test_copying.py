"""What of a text stands in another, compared with a plain search."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from flows.text import joined, window_search
from flows.text.copying import copied, copied_shares
from rnncore import TokenRanges, Tokens
from tests.support.resident import resident_bytes
from tests.support.texts import bundled

alphabets = ("a", "ab", "abc ж🔦")
texts_of_few_letters = st.sampled_from(alphabets).flatmap(
    lambda some: st.tuples(st.lists(st.text(some, max_size=60), max_size=4), st.text(some))
)
lighthouse = (bundled / "lighthouse.txt").read_text(encoding="utf-8")


def points(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le"), np.uint32)


def ends_of(texts: list[str]) -> NDArray[np.int64]:
    return np.cumsum([len(text) for text in texts], dtype=np.int64)


def found(texts: list[str], source: Tokens, lengths: list[int]) -> list[tuple[list[float], int]]:
    """Shares and the longest of each text."""
    shares, longest = copied(points("".join(texts)), ends_of(texts), source, lengths)
    assert (len(texts), len(lengths)) == shares.shape
    return list(zip(shares.tolist(), longest.tolist(), strict=True))


def share(text: str, source: str, length: int) -> float:
    windows = [text[at : at + length] for at in range(len(text) - length + 1)]
    return sum(window in source for window in windows) / len(windows) if windows else float("nan")


def longest_in(text: str, source: str) -> int:
    lengths = range(len(text), 0, -1)
    return next((n for n in lengths if share(text, source, n) > 0), 0)


def expected(texts: list[str], source: str, lengths: list[int]) -> list[tuple[list[Any], int]]:
    return [
        (
            [pytest.approx(share(text, source, n), nan_ok=True) for n in lengths],
            longest_in(text, source),
        )
        for text in texts
    ]


@given(texts_of_few_letters, st.lists(st.integers(1, 45), max_size=4))
@settings(derandomize=True, deadline=None)
def test_shares_and_the_longest_are_those_of_a_plain_search(
    drawn: tuple[list[str], str], lengths: list[int]
) -> None:
    texts, source = drawn
    assert expected(texts, source, lengths) == found(texts, points(source), lengths)


@given(
    st.lists(st.tuples(st.integers(0, 900), st.integers(0, 120)), max_size=5), st.integers(1, 60)
)
@settings(derandomize=True, deadline=None, max_examples=40)
def test_excerpts_are_found_however_long(places: list[tuple[int, int]], length: int) -> None:
    """Pieces of a book, joined: each text is copied in runs of all lengths."""
    source = lighthouse[:1000]
    texts = [
        "".join(source[at : at + size] for at, size in places),
        source[5:],
        lighthouse[990:1010],
    ]
    lengths = [length, 10, 20]
    assert expected(texts, source, lengths) == found(texts, points(source), lengths)


def test_a_window_of_two_texts_does_not_count() -> None:
    assert [([0.0], 2), ([0.0], 2)] == found(["xab", "cdx"], points("abcd"), [3])


def test_a_long_source_is_read_in_pieces_that_miss_no_window(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whether pieces are shorter or longer than a window, and in one thread or two."""
    source, text = lighthouse[:3000], lighthouse[100:200] + "#" + lighthouse[2500:2900]
    plain = found([text, text[50:]], points(source), [1, 10, 40, 399])
    monkeypatch.setattr(joined, "piece", 7)
    assert plain == found([text, text[50:]], points(source), [1, 10, 40, 399])
    assert expected([text, text[50:]], source, [1, 10, 40, 399]) == plain


def test_windows_longer_than_what_is_read_at_a_time_are_found() -> None:
    """Of the source, between whose parts the kernel goes on."""
    text = np.random.default_rng(0).integers(0, 4, 5 * window_search.windows_at_once, np.uint8)
    length = 2 * window_search.windows_at_once
    for at in (0, 1, length - 1, len(text) - length):
        part = np.concatenate([[9], text[at : at + length], [9]])
        shares, longest = copied(part, np.array([len(part)]), text, [length, length + 1])
        assert [[1 / 3, 0.0]] == shares.tolist()
        assert [length] == longest.tolist()


@pytest.mark.parametrize("source", ["", "a", "aaaaaaaaa", "a" * 5000])
def test_one_repeated_character_is_found_as_far_as_the_source_goes(source: str) -> None:
    texts = ["", "a", "a" * 12, "b" * 12]
    assert expected(texts, source, [1, 10, 12, 13]) == found(texts, points(source), [1, 10, 12, 13])


def test_there_may_be_no_texts_and_no_lengths() -> None:
    assert [] == found([], points("abc"), [10])
    assert [([], 2)] == found(["abd"], points("abc"), [])


def test_a_source_of_ranges_is_read_as_it_is_trained_on() -> None:
    """Across the border of two ranges, whether they are adjacent in the file or not."""
    tokens = points(lighthouse[:400])
    ranges = TokenRanges(tokens, np.array([[300, 350], [0, 50], [50, 100], [200, 200]]))
    text = lighthouse[330:350] + lighthouse[:90] + "§" + lighthouse[95:105]
    [(_, longest)] = found([text], ranges, [])
    assert 110 == longest
    assert expected(
        [text], ranges_text := lighthouse[300:350] + lighthouse[:100], [10, 60, 111]
    ) == (found([text], ranges, [10, 60, 111]))
    assert 150 == len(ranges_text)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64])
@pytest.mark.parametrize("of_source", [np.uint8, np.uint16, np.uint32])
def test_tokens_of_any_width_are_compared_by_value(
    dtype: type[np.integer], of_source: type[np.integer]
) -> None:
    text, source = np.array([7, 250, 0, 1, 2], dtype), np.array([1, 250, 0, 1, 1], of_source)
    shares, longest = copied(text, np.array([5]), source, [3])
    assert ([[1 / 3]], [3]) == (shares.tolist(), longest.tolist())


def test_a_source_may_be_mapped_from_a_file(tmp_path: Path) -> None:
    np.save(tmp_path / "tokens.npy", points(lighthouse))
    mapped = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    texts = [lighthouse[1000:1200], "the sea and the sea and the light"]
    assert found(texts, points(lighthouse), [5, 10]) == found(texts, mapped, [5, 10])
    assert found(texts, points(lighthouse), [5, 10]) == (
        found(texts, TokenRanges(mapped, np.array([[0, len(mapped)]])), [5, 10])
    )


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="counts mapped pages")
def test_little_of_a_mapped_source_is_in_memory_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "tokens.npy", np.ones(40_000_000, np.uint8))
    source = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    search, seen = window_search.mark_windows, []

    def watched(*arguments: Any) -> None:
        search(*arguments)
        seen.append(resident_bytes(tmp_path))

    monkeypatch.setattr(window_search, "mark_windows", watched)
    assert [[1 / 3]] == copied_shares(np.array([1, 1, 0, 1]), np.array([4]), source, [2]).tolist()
    assert len(source) // joined.piece < len(seen)
    assert 0 < max(seen) < len(source) // 3
    assert len(source) // 10 > resident_bytes(tmp_path)


def test_shares_alone_are_the_same() -> None:
    texts = [lighthouse[100:300], "light light light", ""]
    tokens, ends, lengths = points("".join(texts)), ends_of(texts), [20, 10]
    np.testing.assert_array_equal(
        copied(tokens, ends, points(lighthouse), lengths).shares,
        copied_shares(tokens, ends, points(lighthouse), lengths),
    )


@pytest.mark.parametrize("ends", [[2], [4], [3, 2, 3], [-1, 3], []])
def test_ends_that_are_not_those_of_the_texts_are_refused(ends: list[int]) -> None:
    with pytest.raises(ValueError, match="must ascend to 3"):
        copied(points("abc"), np.array(ends, np.int64), points("abc"), [1])


@pytest.mark.parametrize("length", [0, -1])
def test_a_window_has_a_character(length: int) -> None:
    with pytest.raises(ValueError, match=f"1 or more, not {length}"):
        copied(points("abc"), np.array([3]), points("abc"), [length])
