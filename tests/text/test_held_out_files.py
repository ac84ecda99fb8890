"""A block that is held out stays held out, however files are added, removed, renamed or reordered.

A dataset does not know the names of its files: a renamed one is the same, at another place.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from flows.storage.datasets import tokenise
from flows.text import Vocabulary
from flows.text.blocks import Blocks
from tests.support.texts import make_text, some_lines

share = 0.3
lines = [
    st.builds(lambda seed: "".join(some_lines(80, seed)), st.integers(0, 30)),  # 3 to 5 blocks
    st.builds(lambda seed: make_text([4000, 7, 2500], seed), st.integers(0, 30)),  # long lines
    st.builds(lambda seed: make_text([5], seed), st.integers(0, 3)),  # less than a block
    st.builds(lambda seed: make_text([700] * 6, seed)[:-1], st.integers(0, 30)),  # no line end
]
files = st.lists(st.one_of(lines), min_size=1, max_size=5)
same_results = settings(derandomize=True, deadline=None, max_examples=60)


class Sides(NamedTuple):
    """The blocks on each side of a split."""

    training: set[str]
    held_out: set[str]


def blocks_of(*texts: str) -> list[str]:
    """All blocks of a corpus."""
    if not (whole := "".join(texts)):
        return []
    vocabulary = Vocabulary.of_text(whole)
    ends = [sum(map(len, texts[: k + 1])) for k in range(len(texts))]
    bounds = Blocks.of_text(vocabulary.encode(whole), vocabulary, ends).bounds
    return [whole[start:end] for start, end in bounds.tolist()]


def sides_of(texts: list[str]) -> Sides:
    """What a corpus is split into; the blocks are found in order on both sides."""
    dataset = tokenise(texts)
    training, held_out, _ = dataset.split(share, "content")
    rest = [dataset.vocabulary.decode(training[:]), dataset.vocabulary.decode(held_out[:])]
    sides = Sides(set(), set())
    for block in blocks_of(*texts):
        side = 1 if is_chosen(block) and rest[1].startswith(block) else 0
        side = side if rest[side].startswith(block) else 1 - side
        assert rest[side].startswith(block)
        rest[side] = rest[side].removeprefix(block)
        sides[side].add(block)
    assert ["", ""] == rest
    return sides


def is_chosen(block: str) -> bool:
    """Whether its content alone holds a block out."""
    return int(hashlib.sha256(block.encode()).hexdigest(), 16) / 2**256 < share


def is_ordinary(texts: list[str]) -> bool:
    """Not one of the exceptions: some block is held out by its content, and not all are."""
    return 2 == len({is_chosen(block) for block in blocks_of(*texts)})


@given(files, files, st.randoms(use_true_random=False))
@same_results
def test_files_may_come_and_go_in_any_order(
    before: list[str], added: list[str], random: Any
) -> None:
    """No block is trained on in one corpus and held out in another."""
    kept = [text for text in before if random.random() < 0.8]
    after = random.sample([*kept, *added], len(kept) + len(added))
    assume(is_ordinary(before) and is_ordinary(after))
    first, later = sides_of(before), sides_of(after)

    assert not first.held_out & later.training
    assert not first.training & later.held_out
    assert first.held_out & set(blocks_of(*kept)) <= later.held_out


@given(files, st.one_of(lines))
@same_results
def test_a_file_that_grows_moves_no_block_but_its_last(before: list[str], more: str) -> None:
    after = [before[0] + more, *before[1:]]
    assume(is_ordinary(before) and is_ordinary(after))
    last = blocks_of(before[0])[-1]
    first, later = sides_of(before), sides_of(after)

    assert (first.held_out | first.training) - (later.held_out | later.training) <= {last}
    assert not first.held_out & later.training
    assert not first.training & later.held_out


small = [make_text([k]) for k in range(40)]  # of one block each
pools = [[text for text in small if is_chosen(text) == wanted] for wanted in (False, True)]


@given(st.sampled_from([pools, pools[::-1]]), st.data())
@same_results
def test_at_most_one_block_moves_where_a_corpus_would_have_none_or_all(
    pools: list[list[str]], data: st.DataObject
) -> None:
    """There has to be something to evaluate on, and something to train on."""
    alike, others = (st.lists(st.sampled_from(pool), min_size=2, unique=True) for pool in pools)
    before, added = data.draw(alike), data.draw(others)
    first, later = sides_of(before), sides_of([*added, *before])

    assert 1 == len((first.held_out & later.training) | (first.training & later.held_out))
    assert first.training
    assert first.held_out


@given(files)
@same_results
def test_a_text_that_occurs_twice_is_on_one_side(texts: list[str]) -> None:
    """Copies of a file in a corpus do not bring held-out text into training."""
    assume(is_ordinary(texts))
    sides = sides_of([*texts, *texts[::-1]])

    assert not sides.training & sides.held_out
    assert sides == sides_of(texts)
