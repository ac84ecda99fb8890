"""Comparison: two models on one text, block by block, and how sure the difference is."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.storage.payload import Payload
from flows.storage.versions import Comparison
from flows.text import Blocks, Vocabulary
from flows.text.blocks import pieces
from rnncore import Parameters, grow, nats_of_characters, restrict

few_blocks = 10  # below this, blocks are cut into pieces
piece_length = 256
large_sample = 30  # from here on two standard errors are what Student's t asks for

# Student's t, the quantile 0.975 for 1 to 28 degrees of freedom.
quantiles = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048,
)  # fmt: skip


class Side(NamedTuple):
    """A model in a comparison, and the blocks that it trained on, by digest."""

    payload: Payload
    trained_on: NDArray[np.uint64]


def compare(
    text: Literal["new", "champion", "oldest"],
    version: int,
    held_out: Blocks,
    candidate: Side,
    other: Side,
    most: int,
    seed: int,
) -> Comparison | None:
    """The checkpoint of a decision and that of a version, on at most `most` characters of a text.

    Both read all of it; a model that lacks characters of it is grown for that. Scored are those that
    both know. Blocks that one of them was trained on are left out. None where nothing is left.
    """
    unseen = held_out.without(candidate.trained_on).without(other.trained_on)
    if not len(unseen):
        return None
    blocks = unseen.smallest(most)
    mine, theirs = candidate.payload.vocabulary, other.payload.vocabulary
    vocabulary = mine.union(theirs).union(held_out.vocabulary)
    tokens = vocabulary.places_of(blocks.vocabulary)[blocks.joined()]
    known = mine.knows(vocabulary) & theirs.knows(vocabulary)
    predicted = np.ones(len(tokens), bool)
    predicted[blocks.ends - blocks.lengths] = False  # the first of a block is given
    scored = predicted & known[tokens]
    if not scored.any():
        return None
    networks = [grown(side.payload, vocabulary, seed) for side in (candidate, other)]
    nats = [nats_of_characters(restrict(p, known), tokens, blocks.ends) for p in networks]
    ends = piece_ends(blocks)
    sums = [_by_piece(np.where(scored, each, 0), ends) for each in nats]
    counts = _by_piece(scored.astype(float), ends)
    gain, error = ratio(sums[1] - sums[0], counts)
    unknown = predicted & ~known[tokens]
    cost: list[float | None] = [None, None]
    if unknown.any():
        full = (nats_of_characters(p, tokens, blocks.ends) for p in networks)
        cost = [float(each[unknown].mean()) / math.log(2) for each in full]
    total = counts.sum() * math.log(2)
    return Comparison(
        text=text,
        version=version,
        characters=int(counts.sum()),
        pieces=int(np.count_nonzero(counts)),
        bits_per_character=float(sums[0].sum() / total),
        other_bits_per_character=float(sums[1].sum() / total),
        gain=gain / math.log(2),
        standard_error=None if error is None else error / math.log(2),
        unknown_share=float(np.count_nonzero(unknown) / np.count_nonzero(predicted)),
        unknown_bits_per_character=cost[0],
        other_unknown_bits_per_character=cost[1],
    )


def grown(payload: Payload, vocabulary: Vocabulary, seed: int) -> Parameters:
    """The network of a checkpoint over a vocabulary that has all of its characters."""
    if payload.vocabulary == vocabulary:
        return payload.state.parameters
    places = vocabulary.places_of(payload.vocabulary)
    return grow(payload.state.parameters, places, vocabulary.code_points, seed=seed)


def ratio(
    differences: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[float, float | None]:
    """Σ differences ÷ Σ counts, and the standard error of that ratio over the pieces.

    The error is None for a single piece.
    """
    differences, counts = differences[counts > 0], counts[counts > 0]
    n, total = len(counts), counts.sum()
    value = float(differences.sum() / total)
    if n == 1:
        return value, None
    residuals = differences - value * counts
    return value, float(math.sqrt(n / (n - 1) * np.sum(residuals * residuals)) / total)


def errors_needed(sample: int) -> float:
    """How many standard errors a difference over so many pieces has to be, to be believed."""
    return 2.0 if sample >= large_sample else quantiles[max(sample, 2) - 2]


def piece_ends(blocks: Blocks) -> NDArray[np.int64]:
    """Where the pieces end over which a difference is averaged: blocks, or parts of a few blocks.

    Parts are read as their block is, with the hidden state of the text before them.
    """
    if len(blocks) >= few_blocks:
        return blocks.ends
    starts = blocks.ends - blocks.lengths
    bounds = zip(starts.tolist(), blocks.ends.tolist(), strict=True)
    return np.concatenate([pieces(start, end, piece_length)[:, 1] for start, end in bounds])


def _by_piece(values: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum of each piece; no piece is empty."""
    return np.add.reduceat(values, np.concatenate([[0], ends[:-1]]))
