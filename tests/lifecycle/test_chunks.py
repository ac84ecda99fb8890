"""Training on chunks: blocks whose borders an edit moves little, held out by their digests."""

from __future__ import annotations

import numpy as np
import pytest

from flows.storage import datasets
from flows.storage.stores import Store
from flows.storage.token_files import is_blocks
from flows.text import Blocks
from tests.support.stores import reopened
from tests.support.texts import make_text, some_text
from tests.support.work import dataset_of, request, serve

long_line = make_text([40_000], seed=3)


def held_out(text: str) -> set[int]:
    dataset = datasets.tokenise([text])
    return set(dataset.divide(0.2, "chunks").held_out.digests.tolist())


def test_an_edit_in_the_middle_moves_few_blocks() -> None:
    """By the usual rule all that follows in a line without an end is cut anew."""
    edited = long_line[:15_000] + "inserted" + long_line[15_000:]
    before, after = (datasets.tokenise([text]) for text in (long_line, edited))

    def same(one: Blocks, other: Blocks) -> float:
        return float(np.isin(one.digests, other.digests).mean())

    assert same(before.blocks(), after.blocks()) < 0.5
    assert same(before.blocks("chunks"), after.blocks("chunks")) > 0.85
    assert len(held_out(long_line) & held_out(edited)) >= len(held_out(long_line)) - 2


def test_chunks_divide_the_whole_text_in_order() -> None:
    text = some_text(9)
    training, rest = datasets.tokenise([text]).divide(0.2, "chunks")
    bounds = sorted([*training.bounds.tolist(), *rest.bounds.tolist()])
    assert [0, len(text)] == [bounds[0][0], bounds[-1][1]]
    assert [end for _, end in bounds[:-1]] == [start for start, _ in bounds[1:]]
    assert len(training)
    assert len(rest)


def test_a_run_is_named_by_its_method(store: Store) -> None:
    dataset = dataset_of(store, some_text(9))
    runs = {
        method: serve(store, dataset, request(evaluation={"split": method}, model=method)).work.run
        for method in ("content", "chunks", "tail")
    }
    assert 3 == len({run.run_id for run in runs.values()})
    assert ["content", "chunks", "tail"] == [run.split for run in runs.values()]


def test_chunks_are_stored_once_and_read_again(store: Store, store_url: str) -> None:
    dataset = dataset_of(store, long_line)
    folder = datasets.dataset_folder(dataset.dataset_id)
    for _ in range(2):
        datasets.complete(store, dataset, "chunks")
    assert 1 == sum(is_blocks(name, "chunks") for name in store.names(folder))

    again = datasets.load(reopened(store_url), dataset.dataset_id)
    assert again.stored_chunks is not None
    assert dataset.chunks.digests is not None
    np.testing.assert_array_equal(dataset.chunks.digests, again.stored_chunks.digests)
    np.testing.assert_array_equal(dataset.chunks.lengths, again.stored_chunks.lengths)


def test_a_text_that_is_not_encoded_has_no_chunks() -> None:
    scanned = datasets.scan([("a", iter([long_line.encode()]))], "character").text
    with pytest.raises(ValueError, match="when it is encoded"):
        scanned.divide(0.2, "chunks")
