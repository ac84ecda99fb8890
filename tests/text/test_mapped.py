"""A text is read in parts that miss no sequence, and its memory is given back meanwhile."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.text.mapped import most_blocks, parts_of
from tests.support.resident import resident_bytes


@given(
    st.lists(st.integers(0, 50), min_size=1), st.integers(1, 4), st.sampled_from([1, 7, 300, 5000])
)
@settings(derandomize=True, deadline=None)
def test_every_sequence_of_a_block_is_in_one_part(
    lengths: list[int], length: int, characters: int
) -> None:
    borders = [0, *np.cumsum(lengths).tolist()]
    tokens = np.zeros(borders[-1], np.uint8)
    found = [
        bounds.tolist()
        for _, bounds in parts_of(tokens, np.array(list(pairwise(borders))), length, characters)
    ]

    assert [at for start, end in pairwise(borders) for at in range(start, end - length + 1)] == [
        at for part in found for start, end in part for at in range(start, end - length + 1)
    ]
    assert all(2 * characters >= sum(e - s - length + 1 for s, e in part) for part in found)
    assert all(len(part) <= 2 * most_blocks for part in found)


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="counts mapped pages")
def test_little_of_a_mapped_text_is_in_memory_at_a_time(tmp_path: Path) -> None:
    """However it is read: whole, or in blocks far apart."""
    np.save(tmp_path / "tokens.npy", np.ones(40_000_000, np.uint8))

    tokens = np.load(tmp_path / "tokens.npy", mmap_mode="r")
    starts = np.arange(0, len(tokens), 20_000)
    for bounds in (np.array([[0, len(tokens)]]), np.stack([starts, starts + 3], axis=1)):
        most = 0
        for plain, part in parts_of(tokens, bounds, 1, 1 << 18):
            assert all(plain[start:end].sum() == end - start for start, end in part.tolist())
            most = max(most, resident_bytes(tmp_path))
        assert 0 < most < len(tokens) // 3
        assert resident_bytes(tmp_path) < len(tokens) // 10
