"""Pieces of text read by a network: what an engine is given of a scoring, and what it returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from flows.text.units import Indices
from rnncore import Parameters, nats_of_characters

Floats = NDArray[np.float64]
Tokens = NDArray[np.int32]  # the number after the last token is for unknown characters


class Network(NamedTuple):
    """A network that reads pieces of text."""

    parameters: Parameters
    grown: Parameters | None  # by one token for unknown characters, if there are any
    unknown: int  # that token
    start: int  # token that is read before what nothing is before; -1 for none

    @property
    def type(self) -> np.dtype[np.unsignedinteger]:
        """The smallest type of tokens, one for unknown characters among them."""
        return np.min_scalar_type(self.unknown)


def nats_of_pieces(network: Network, tokens: Tokens, pieces: Indices) -> Floats:
    """The nats of each of some tokens (N,), in pieces (K, 3) as of a batch; equal ones are read once.

    Neither the other pieces nor the threads change a bit of a piece's.
    """
    from flows.text import unit_kernels as kernels  # here, since numba is slow to load

    count, nats = len(pieces), np.zeros(len(tokens))
    table = np.full(1 << max(4, (2 * count).bit_length()), -1)
    first, has_unknown = np.zeros(count, np.int64), np.zeros(count, bool)
    hashes = np.zeros(count, np.uint64)
    kernels.find_equal(tokens, pieces, network.unknown, table, hashes, first, has_unknown)
    is_first = first == np.arange(count)
    for parameters, kind in ((network.parameters, ~has_unknown), (network.grown, has_unknown)):
        if parameters is not None and kind.any():
            chosen = np.flatnonzero(kind & is_first)
            read, firsts = _read(network, parameters, tokens, pieces[chosen])
            places = np.empty(count, np.int64)
            places[chosen] = firsts
            kernels.put_back(read, pieces[kind], places[first[kind]], nats)
    return nats


def _read(
    network: Network, parameters: Parameters, tokens: Tokens, pieces: Indices
) -> tuple[Floats, Indices]:
    """The nats of some pieces, one after the other, and where each begins among them."""
    from flows.text import unit_kernels as kernels

    sizes = pieces[:, 1] - pieces[:, 0] + pieces[:, 2]
    if network.start >= 0:
        sizes = sizes + (pieces[:, 2] == 0)
    units = np.empty(int(sizes.sum()), np.int32)
    firsts, ends = np.empty(len(pieces), np.int64), np.empty(len(pieces), np.int64)
    kernels.lay_out(tokens, pieces, network.start, units, firsts, ends)
    if (sizes > 1).any():
        return nats_of_characters(parameters, units.astype(network.type), ends), firsts
    return np.zeros(len(units)), firsts
