"""Words of some texts: which of them stand in another text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from flows.text.vocabulary import Vocabulary
from rnncore import Tokens


def letters_of(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Which characters are letters, (V,)."""
    return np.array([character.isalpha() for character in vocabulary.characters])


def words_in(
    tokens: NDArray[np.integer],
    ends: NDArray[np.int64],
    source: Tokens,
    is_letter: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """The share of the words of each text that occur as words in `source`; NaN where it has none."""
    known = set(words_of(np.asarray(source[:]), is_letter))
    found = [words_of(text, is_letter) for text in np.split(tokens, ends[:-1])]
    return np.array([np.mean([w in known for w in words]) if words else np.nan for words in found])


def words_of(text: NDArray[np.integer], is_letter: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    """The runs of letters of a text, in order."""
    edges = np.flatnonzero(np.diff(is_letter[text].astype(np.int8), prepend=0, append=0))
    return [tuple(text[a:b].tolist()) for a, b in edges.reshape(-1, 2).tolist()]
