"""Columns of reports are made from arrays: the texts are those that the vocabulary decodes."""

from __future__ import annotations

import numpy as np
import pytest

from flows.reporting.samples.tables import text_column
from flows.text import Vocabulary


@pytest.mark.parametrize(
    "vocabulary",
    [Vocabulary("ab"), Vocabulary("\x00\x7f\x80߿ࠀ￿𐀀🦊"), Vocabulary.of_bytes()],
    ids=["ASCII", "all widths", "bytes"],
)
def test_a_text_column_is_what_the_vocabulary_decodes(vocabulary: Vocabulary) -> None:
    """Characters of every width, and bytes that are no UTF-8."""
    tokens = np.random.default_rng(0).integers(0, len(vocabulary), 500).astype(vocabulary.dtype)
    ends = np.array([1, 2, 30, 300, 500])

    found = text_column(vocabulary, tokens, ends)

    assert found.validate(full=True) is None
    assert [vocabulary.decode(part) for part in np.split(tokens, ends[:-1])] == found.to_pylist()
