"""What is measured of samples, and of held-out text beside them: likelihood, copying, variety."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.reporting.samples.drawing import Texts
from flows.text import Vocabulary
from flows.text.copying import copied
from flows.text.variety import distinct_words, repetition
from flows.text.vocabulary import TokenArray
from flows.text.words import letters_of, words_in
from rnncore import Tokens

Measures = dict[str, NDArray[np.float64]]  # (S,) by column; NaN where there is nothing to measure
copied_lengths = (10, 20, 40)  # characters
repeated_length = 10
# Substrings of a text that a share is of: its characters, less this. Other shares count once a text.
shorter_by = {f"copied_{n}": n - 1 for n in copied_lengths} | {"repetition": repeated_length - 1}
quantiles = {"nats_p10": 0.1, "nats_p50": 0.5, "nats_p90": 0.9}


class Reference(NamedTuple):
    """The text that a network was trained on, in its tokens, and what was held out of it."""

    training: Tokens
    held_out: Tokens


def likelihood(texts: Texts) -> Measures:
    """Mean and quantiles of the nats of each text's characters."""
    lengths = np.diff(texts.ends, prepend=0)
    starts = texts.ends - lengths
    padded = np.full((len(lengths), int(lengths.max())), np.inf)
    padded[np.arange(padded.shape[1]) < lengths[:, None]] = texts.nats
    padded.sort(axis=1)
    found = {name: _quantile(padded, lengths, q) for name, q in quantiles.items()}
    return {"nats_per_character": np.add.reduceat(texts.nats, starts) / lengths, **found}


def _quantile(
    ascending: NDArray[np.float64], lengths: NDArray[np.int64], q: float
) -> NDArray[np.float64]:
    """A quantile of the first `lengths` (S,) values of each row, between the two next to it."""
    place = (lengths - 1) * q
    low = place.astype(np.int64)
    high = np.minimum(low + 1, lengths - 1)
    rows = np.arange(len(lengths))
    below, above = ascending[rows, low], ascending[rows, high]
    found: NDArray[np.float64] = below + (above - below) * (place - low)
    return found


def variety(
    tokens: TokenArray,
    ends: NDArray[np.int64],
    vocabulary: Vocabulary,
    reference: Reference | None,
) -> Measures:
    """Copied shares, words and repetition of some texts; those that need the training text are NaN
    without it.
    """
    is_letter = letters_of(vocabulary)
    nothing = np.full(len(ends), np.nan)
    names = [f"copied_{length}" for length in copied_lengths]
    found: Measures = dict.fromkeys([*names, "longest_copied", "words_in_corpus"], nothing)
    if reference:
        shares, longest = copied(tokens, ends, reference.training, copied_lengths)
        found |= dict(zip(names, shares.T, strict=True))
        found["longest_copied"] = longest.astype(np.float64)
        found["words_in_corpus"] = words_in(tokens, ends, reference.training, is_letter)
    return found | {
        "distinct_1": distinct_words(tokens, ends, is_letter, 1),
        "distinct_2": distinct_words(tokens, ends, is_letter, 2),
        "repetition": repetition(tokens, ends, repeated_length),
    }
