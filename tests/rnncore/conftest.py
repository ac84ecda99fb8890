"""The text that the tests train on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

corpus = Path(__file__).parents[2] / "data" / "corpus" / "lighthouse.txt"


@pytest.fixture(scope="session")
def english() -> NDArray[np.uint8]:
    """The first 8,000 characters of a bundled text; tokens are numbered by code point."""
    text = corpus.read_text(encoding="utf-8")[:8000]
    index = {character: n for n, character in enumerate(sorted(set(text)))}
    return np.array([index[character] for character in text], np.uint8)
