"""Borders found by content: those of a slow search, and the same again soon after an edit."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.text import Vocabulary, chunks
from flows.text.blocks import Blocks, longest_block, shortest_block
from flows.text.chunks import bounds_by_content, gears_of
from tests.support.texts import bundled, make_text, some_lines

line_lengths = st.lists(
    st.sampled_from([0, 1, 40, 900, 1023, 1024, 2047, 3000]), min_size=1, max_size=12
)
prose = (bundled / "lighthouse.txt").read_text(encoding="utf-8")
letters = np.random.default_rng(0)
# Without a line end: encoded bytes, Chinese characters, a paragraph. With: lines, one line again.
texts = {
    "encoded": base64.b64encode(letters.bytes(45_000)).decode(),
    "characters": "".join(map(chr, 0x4E00 + letters.zipf(1.3, 60_000) % 3000)),
    "one line": "".join(some_lines(1000)).replace("\n", " "),
    "lines": "".join(some_lines(1000)),
    "short lines": make_text([9] * 6000),
    "repeated": "All work and no play\n" * 3000,
}
most_changed = 12  # blocks


def cut(text: str, *others: str) -> list[str]:
    """The blocks of some files."""
    files = [text, *others]
    vocabulary = Vocabulary.of_text(*files)
    ends = np.cumsum([len(file) for file in files]).tolist()
    whole = "".join(files)
    bounds = bounds_by_content(vocabulary.encode(whole), vocabulary, ends)
    return [whole[start:end] for start, end in bounds.tolist()]


def cut_in_python(text: str) -> list[str]:
    """The same, as the rule says it."""
    if len(text) <= longest_block:
        return [text] if text else []
    gears = dict(zip(sorted(set(text)), gears_of(Vocabulary.of_text(text)).tolist(), strict=True))

    def hashed(end: int) -> int:
        before = reversed(text[end - 64 : end])
        value: int = sum(gears[character] << age for age, character in enumerate(before))
        return value % 2**64

    places = range(shortest_block + 1, longest_block + 1)
    line_ends = [place for place in places if text[place - 1] == "\n"]
    end = min(line_ends or places, key=hashed)
    return [text[:end], *cut_in_python(text[end:])]


@given(st.lists(line_lengths, min_size=1, max_size=3))
@settings(derandomize=True, deadline=None, max_examples=50)
def test_borders_are_those_of_a_slow_search(files: list[list[int]]) -> None:
    """In each file on its own, and all text is in a block."""
    made = [make_text(lengths, seed) for seed, lengths in enumerate(files)]

    assert [block for text in made for block in cut_in_python(text)] == cut(*made)


@pytest.mark.parametrize("text", texts.values(), ids=texts.keys())
def test_borders_do_not_depend_on_the_pieces_in_which_a_text_is_read(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = cut_in_python(text[:20_000])
    for size in (longest_block + 1, 5000, 1 << 20):
        monkeypatch.setattr(chunks, "piece_characters", size)
        assert expected == cut(text[:20_000])


@pytest.mark.parametrize("text", texts.values(), ids=texts.keys())
def test_an_edit_anywhere_changes_few_blocks(text: str) -> None:
    """A line inserted, a character changed, a part removed, the head cut off."""
    before = set(cut(text))
    for at in range(100, len(text) - 100, len(text) // 15):
        for edited in (
            f"{text[:at]}a line of new text\n{text[at:]}",
            f"{text[:at]}{text[at // 2]}{text[at + 1 :]}",
            text[:at] + text[at + 80 :],
            text[at:],
        ):
            assert most_changed >= sum(block not in before for block in cut(edited))


def test_the_rule_by_line_ends_alone_changes_all_that_follows() -> None:
    """Why there is another: in a text without line ends every later block is another one."""

    def changed(text: str) -> int:
        found = []
        for each in (text, "x" + text):
            vocabulary = Vocabulary.of_text(each)
            blocks = Blocks.of_text(vocabulary.encode(each), vocabulary, [len(each)])
            found.append({each[start:end] for start, end in blocks.bounds.tolist()})
        return len(found[1] - found[0])

    assert len(texts["encoded"]) // longest_block <= changed(texts["encoded"])


@given(st.sampled_from(list(texts)), st.text("ab\n", max_size=3000))
@settings(derandomize=True, deadline=None, max_examples=30)
def test_only_the_last_block_of_a_file_that_grows_is_another(name: str, more: str) -> None:
    before = cut(texts[name])

    assert before[:-1] == cut(texts[name] + more)[: len(before) - 1]


def test_borders_do_not_depend_on_the_other_characters_of_a_corpus() -> None:
    """Tokens change where a new character comes in between; code points do not."""
    alone = cut(prose)

    assert alone == cut(prose, "\0\x01é中")[: len(alone)]


@pytest.mark.parametrize("length", [0, 1, 1024, 1025, 2048, 2049, 4096])
def test_blocks_of_short_files_keep_the_bounds(length: int) -> None:
    blocks = cut("ab" * 3000, "z" * length)

    assert "z" * length == "".join(block for block in blocks if "z" in block)
    assert all(0 < len(block) <= longest_block for block in blocks)
