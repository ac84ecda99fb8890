"""A text of ranges reads as the array that it stands for, in flat memory."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from numpy.typing import NDArray

from rnncore import InvalidTokens, TokenRanges, text

Ranges = list[tuple[int, int]]
token_types = ["u1", "u2", "u4", "i8", ">u2"]


@some.composite
def ranges_of_an_array(draw: some.DrawFn) -> tuple[NDArray[np.integer], Ranges]:
    """An array of up to 60 tokens, and ranges of it: empty, adjacent, repeated, in any order."""
    tokens = np.arange(draw(some.integers(0, 60))).astype(draw(some.sampled_from(token_types)))
    bound = some.integers(0, len(tokens))
    pairs = some.tuples(bound, bound).map(lambda pair: (min(pair), max(pair)))
    return tokens, draw(some.lists(pairs, max_size=12))


def joined(tokens: NDArray[np.integer], ranges: Ranges) -> NDArray[np.integer]:
    """The same text as one array."""
    pieces = (tokens[start:end] for start, end in ranges)
    return np.concatenate([tokens[:0], *pieces], dtype=tokens.dtype)


def bounds(ranges: Ranges) -> NDArray[np.int64]:
    """As an array (R, 2)."""
    return np.array(ranges, np.int64).reshape(-1, 2)


steps = some.sampled_from([(1, 1), (7, 2), (100, 3), (2**20, 384)])


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    given_text=ranges_of_an_array(), step=steps, short=some.sampled_from([0, 128]), data=some.data()
)
def test_a_text_reads_as_the_array_of_its_ranges(
    given_text: tuple[NDArray[np.integer], Ranges],
    step: tuple[int, int],
    short: int,
    data: some.DataObject,
) -> None:
    """Length, type, tokens and slices, in steps of any size, with long ranges and short ones."""
    tokens, ranges = given_text
    expected = joined(tokens, ranges)
    start, stop = data.draw(some.tuples(*[some.none() | some.integers(-130, 130)] * 2))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in zip(("step_tokens", "step_ranges"), step, strict=True):
            patch.setattr(text, name, value)
        patch.setattr(text, "short_range", short)
        found = TokenRanges(tokens, bounds(ranges))

        assert (len(expected), tokens.dtype) == (len(found), found.dtype)
        np.testing.assert_array_equal(found[start:stop], expected[start:stop], strict=True)
        for n in range(-len(expected), len(expected), 7):
            assert expected[n] == found[n]


@settings(derandomize=True, max_examples=100, deadline=None)
@given(given_text=ranges_of_an_array())
def test_places_are_what_tokens_read_as(given_text: tuple[NDArray[np.integer], Ranges]) -> None:
    """As an index of another vocabulary."""
    tokens, ranges = given_text
    places = np.random.default_rng(0).permutation(60).astype(np.uint16)
    found = TokenRanges(tokens, bounds(ranges), places)

    assert np.uint16 == found.dtype
    np.testing.assert_array_equal(found[:], places[joined(tokens, ranges)], strict=True)
    np.testing.assert_array_equal(found.whole(), found[:])


def test_a_slice_is_new_and_the_array_stays() -> None:
    """Also where a slice is one range as a whole; what is kept cannot be written."""
    tokens = np.arange(5, dtype=np.uint8)
    found = TokenRanges(tokens, bounds([(0, 5)]))
    found[:][:] = 9

    assert [0, 1, 2, 3, 4] == tokens.tolist()
    assert not found.whole().flags.writeable
    assert found.whole() is found.whole()


def test_adjacent_ranges_are_one_range() -> None:
    """Blocks of a text whose neighbours are trained on too cost no memory and no time."""
    starts = np.arange(0, 10**6, 1000)
    ranges = np.stack([starts, starts + 1000], axis=1)
    ranges[500:] += 1
    found = TokenRanges(np.zeros(10**6 + 1, np.uint8), ranges)

    assert 2 == len(found._starts) == len(found._ends)
    assert 10**6 == len(found)


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (np.array([[0, 2], [1, 6]]), "range 1, from 1 up to 6, is not within 5 tokens"),
        (np.array([[-1, 2]]), "range 0, from -1 up to 2"),
        (np.array([[3, 2]]), "range 0, from 3 up to 2"),
        (np.array([[6, 6]]), "range 0, from 6 up to 6"),
        (np.array([[0, 2**64 - 1]], np.uint64), "range 0"),
        (np.array([0, 2]), r"shape \(R, 2\), not int64 \(2,\)"),
        (np.zeros((2, 3), np.int64), r"not int64 \(2, 3\)"),
        (np.zeros((2, 2)), "whole numbers .* not float64"),
    ],
)
def test_ranges_outside_the_tokens_are_refused(ranges: NDArray[np.integer], message: str) -> None:
    with pytest.raises(InvalidTokens, match=message):
        TokenRanges(np.zeros(5, np.uint8), ranges)


def test_tokens_and_places_are_rows_of_whole_numbers() -> None:
    one = bounds([(0, 1)])
    with pytest.raises(InvalidTokens, match="tokens must be one row of whole numbers, not float64"):
        TokenRanges(np.zeros(5), one)  # type: ignore[arg-type]
    with pytest.raises(InvalidTokens, match=r"tokens must be .*, not uint8 \(2, 2\)"):
        TokenRanges(np.zeros((2, 2), np.uint8), one)
    with pytest.raises(InvalidTokens, match=r"places must be .*, not bool"):
        TokenRanges(np.zeros(5, np.uint8), one, np.zeros(2, bool))


@pytest.mark.parametrize("token", [3, -1])
def test_a_token_without_a_place_is_refused_when_it_is_read(token: int) -> None:
    """A negative number does not count from the end of the places."""
    tokens = np.array([0, 1, token, 2])
    found = TokenRanges(tokens, bounds([(0, 4)]), np.array([7, 8, 9]))

    assert [7, 8] == found[:2].tolist()
    with pytest.raises(InvalidTokens, match=f"places for tokens from 0 to 2, found .*{token}"):
        found[1:]


def test_what_is_not_in_the_text_is_an_index_error() -> None:
    """So is a step, which no caller needs, a ValueError."""
    found = TokenRanges(np.arange(5), bounds([(1, 4)]))
    for at in (3, -4, 10**20):
        with pytest.raises(IndexError, match="of a text of 3"):
            found[at]
    with pytest.raises(ValueError, match="steps of 1, not 2"):
        found[::2]
    with pytest.raises(IndexError, match="of a text of 0"):
        TokenRanges(np.arange(5), bounds([]))[0]


@pytest.mark.parametrize("mode", ["r", "r+", "c"])
def test_giving_pages_back_loses_nothing(tmp_path: Path, mode: Literal["r", "r+", "c"]) -> None:
    """Pages of a copy-on-write map are in no file: only read-only maps give theirs back."""
    np.save(tmp_path / "tokens.npy", np.arange(100_000, dtype=np.uint16))
    tokens = np.load(tmp_path / "tokens.npy", mmap_mode=mode)
    if mode != "r":
        tokens[70_000] = 5
    expected = np.array(tokens)
    found = TokenRanges(tokens[10:], bounds([(50_000, 99_990), (0, 40_000)]))

    for _ in range(2):
        np.testing.assert_array_equal(
            found[:], np.concatenate([expected[50_010:], expected[10:40_010]])
        )


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux")
def test_pages_that_were_read_are_given_back(tmp_path: Path) -> None:
    """Of the pages of a map of 64 MB, hardly any is resident after all was read."""
    size, file = 2**26, tmp_path / "tokens"
    with file.open("wb") as opened:
        opened.truncate(size)
    tokens = np.memmap(file, np.uint8, "r")
    starts = np.random.default_rng(0).permutation(size // 2**16) * 2**16
    found = TokenRanges(tokens, np.stack([starts, starts + 2**16], axis=1))
    assert 0 == found[:].max()

    assert 2**20 > resident(tokens)
    assert int(tokens[::4096].max()) == 0
    assert size == resident(tokens)


def resident(tokens: np.memmap[tuple[int], np.dtype[np.uint8]]) -> int:
    """Bytes of a map that are in this process's page tables."""
    start = f"{tokens.ctypes.data:x}-"
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    assert any(line.startswith(start) for line in lines)
    line = next(line for line in lines if line.startswith("Rss:"))
    return int(line.split()[1]) * 1024
