"""Texts one after the other in an array, and a long text in pieces: what compiled functions take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from flows.text.mapped import give_back, plain_of
from flows.text.vocabulary import TokenArray
from rnncore import TokenRanges, Tokens

piece = 1 << 20  # tokens of a long text that are read at a time


def texts_of(tokens: TokenArray, ends: NDArray[np.integer]) -> tuple[TokenArray, NDArray[np.int64]]:
    """The same tokens (N,) of texts that end at `ends` (S,); ValueError if these are not their ends.

    Compiled functions check no bounds.
    """
    bounds = np.concatenate([[0], np.asarray(ends, np.int64)])
    if tokens.ndim != 1 or tokens.dtype.kind not in "iu":
        raise ValueError(
            f"texts must be one row of whole numbers, not {tokens.dtype} {tokens.shape}"
        )
    if bounds[-1] != len(tokens) or (np.diff(bounds) < 0).any():
        raise ValueError(f"the ends of texts must ascend to {len(tokens)}, where the last one ends")
    return plain_of(tokens), bounds[1:]


def starts_of(source: Tokens, least: int = 0) -> range:
    """Where the pieces of a long text start; each has `least` tokens or more, but for the last."""
    return range(0, len(source), max(piece, least))


@contextmanager
def reading(source: Tokens, start: int, stop: int) -> Iterator[TokenArray]:
    """A piece of a long text; the memory of a text that is mapped is given back after it."""
    yield plain_of(source[start:stop])
    if not isinstance(source, TokenRanges):  # which does so itself
        give_back(source, start, min(stop, len(source)))
