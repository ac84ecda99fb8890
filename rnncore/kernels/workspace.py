"""The network's arrays as the kernels want them: padded to whole vectors, and aligned.

Hp and Vp are H and V rounded up. What is padded stays zero throughout: a weight between units that
do not exist has no gradient. Only the bias of a character that does not exist is minus infinity.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.vector import lanes_for
from rnncore.parameters import FloatArray, Parameters

FloatType = np.dtype[np.floating]


class Sizes(NamedTuple):
    """The notebook's sizes, and the batch's."""

    H: int
    V: int
    T: int
    B: int


class Weights(NamedTuple):
    """`Parameters`, padded."""

    Wxh: FloatArray  # (V, Hp) transposed: a row for each character
    Whh: FloatArray  # (Hp, Hp)
    Why: FloatArray  # (Vp, Hp)
    bh: FloatArray  # (Hp,)
    by: FloatArray  # (Vp,)


class Text(NamedTuple):
    """B streams of tokens as plain bytes, so that one kernel serves every type of integer."""

    bytes: NDArray[np.uint8]  # (B × length × width,)
    width: int  # bytes of a token, the lowest first
    length: int  # tokens of a stream


class Passes(NamedTuple):
    """What the passes over one sequence leave behind; a row is a (t, b), b running fastest."""

    tokens: NDArray[np.int64]  # (T + 1, B) inputs and, one on, targets
    hs: FloatArray  # ((T + 1) × B, Hp) the first B rows are the memory that was brought along
    ps: FloatArray  # (T × B, Vp) scores, then dy
    dh: FloatArray  # (T × B, Hp) gradient of the memory, then of what tanh was given (dhraw)
    nats: NDArray[np.float64]  # (T, B)


class Adagrad(NamedTuple):
    """What the update needs besides the passes."""

    sums: Weights
    dWxh: FloatArray  # (V, Hp) zero between updates
    last_row: NDArray[np.int64]  # (V,) the last row that read this character
    strips: FloatArray  # (workers, rows, Hp or Vp) gradients of a few rows of weights
    learning_rate: float
    clip: float


def aligned(dtype: FloatType, *shape: int) -> FloatArray:
    """Zeros that start at a cache line, so that speed does not hang on where memory came from."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)


def padded(size: int, dtype: FloatType) -> int:
    """`size` in whole vectors; one more where rows would crowd into a few sets of the cache."""
    lanes = lanes_for(8 * dtype.itemsize)
    vectors = -(-size // lanes)
    return (vectors + (vectors * lanes * dtype.itemsize % 1024 == 0)) * lanes


def pad(parameters: Parameters) -> Weights:
    """Copies of `parameters`."""
    dtype, (V, H) = parameters.Why.dtype, parameters.Why.shape
    Hp, Vp = padded(H, dtype), padded(V, dtype)
    shapes = (V, Hp), (Hp, Hp), (Vp, Hp), (Hp,), (Vp,)
    weights = Weights(*(aligned(dtype, *shape) for shape in shapes))
    for array, values in zip(unpadded(weights, H, V), parameters, strict=True):
        array[...] = values
    return weights


def unpad(weights: Weights, parameters: Parameters) -> None:
    """Copy back into `parameters`."""
    V, H = parameters.Why.shape
    for array, values in zip(unpadded(weights, H, V), parameters, strict=True):
        values[...] = array


def unpadded(weights: Weights, H: int, V: int) -> tuple[FloatArray, ...]:
    """Views with the shapes of `Parameters`."""
    Wxh, Whh, Why, bh, by = weights[:5]
    return Wxh[:, :H].T, Whh[:H, :H], Why[:V, :H], bh[:H], by[:V]


def network_of(parameters: Parameters) -> Weights:
    """The network, ready for the kernels."""
    network = pad(parameters)
    network.by[parameters.vocabulary_size :] = -np.inf
    return network


def turned(network: Weights) -> Weights:
    """The same network with Whh and Why transposed, so that a sum's terms run down their rows."""
    Whh, Why = (aligned(W.dtype, *W.T.shape) for W in (network.Whh, network.Why))
    Whh[...], Why[...] = network.Whh.T, network.Why.T
    return network._replace(Whh=Whh, Why=Why)


def passes_of(network: Weights, T: int, B: int) -> Passes:
    """Room for the passes over T characters of B streams."""
    (Vp, Hp), dtype = network.Why.shape, network.Why.dtype
    return Passes(
        tokens=np.zeros((T + 1, B), np.int64),
        hs=aligned(dtype, (T + 1) * B, Hp),
        ps=aligned(dtype, T * B, Vp),
        dh=aligned(dtype, T * B, Hp),
        nats=np.zeros((T, B)),
    )


def text_of(streams: NDArray[np.integer]) -> Text:
    """View of `streams` (B, L); copied only if it is not contiguous, or not little-endian."""
    dtype = streams.dtype.newbyteorder("<")
    plain = np.ascontiguousarray(streams, dtype).view(np.ndarray).reshape(-1).view(np.uint8)
    plain.flags.writeable = False  # a memory map may be read-only; now all are of one type to numba
    return Text(plain, dtype.itemsize, streams.shape[1])
