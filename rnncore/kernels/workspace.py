"""The network's arrays as the kernels need them: aligned, and padded to whole vectors.

Hp and Vp are H and V rounded up. Padding stays zero: a weight of a unit that does not exist has a
gradient of zero. Only the bias of a character that does not exist is minus infinity, so that its
probability is zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels.simd import VectorArray, aligned
from rnncore.parameters import FloatArray, Parameters

FloatType = np.dtype[np.floating]


class Sizes(NamedTuple):
    """The sizes of the network and of a batch, named as in the notebook."""

    H: int
    V: int
    T: int
    B: int


class Weights(NamedTuple):
    """`Parameters`, padded; also Adagrad's sums of squares."""

    Wxh: VectorArray  # (V, Hp) transposed: a row for each character
    Whh: VectorArray  # (Hp, Hp)
    Why: VectorArray  # (Vp, Hp)
    bh: VectorArray  # (Hp,)
    by: VectorArray  # (Vp,)


class Transposed(NamedTuple):
    """Copies for products with a batch; both empty where rows are multiplied with rows."""

    WhhT: VectorArray  # (Hp, Hp)
    WhyT: VectorArray  # (Hp, Vp)


class Text(NamedTuple):
    """B streams of tokens as bytes, so that one kernel serves every type of integer."""

    bytes: NDArray[np.uint8]  # (B × length × width,)
    width: int  # bytes of a token, the lowest first
    length: int  # tokens of a stream


class Activations(NamedTuple):
    """What an iteration computes for its T × B characters; row t × B + b is (t, b)."""

    tokens: NDArray[np.int64]  # (T + 1, B) row t has the inputs of step t and the targets of t - 1
    hs: VectorArray  # ((T + 1) × B, Hp) hidden states; the first B rows are those before the sequence
    ps: VectorArray  # (T × B, Vp) scores, then probabilities, then dy
    dh: VectorArray  # (T × B, Hp) gradient of the hidden state, then before tanh (dhraw)
    nats: NDArray[np.float64]  # (T, B) loss of each character


class Adagrad(NamedTuple):
    """What the update needs besides weights and activations."""

    sums: Weights
    dWxh: VectorArray  # (V, Hp) zero between updates
    last_row: NDArray[np.int64]  # (V,) the last row whose input is this character
    strips: VectorArray  # (workers, rows × Hp or Vp) gradients of some rows of weights, or a bias
    rows: int  # of weights in a strip
    learning_rate: float
    clip: float


class Run(NamedTuple):
    """What the threads of a training run share."""

    sizes: Sizes
    network: Weights
    transposed: Transposed
    adagrad: Adagrad
    activations: Activations
    text: Text
    hidden: VectorArray  # (B, Hp)
    progress: NDArray[np.float64]  # (2,) position and smooth loss
    losses: NDArray[np.float64]  # (iterations,) nats a sequence
    arrivals: NDArray[np.int64]  # (1,) counter of the barriers


def padded(size: int, dtype: FloatType, lanes: int) -> int:
    """`size` in whole vectors; one more if all rows would compete for a few sets of the cache."""
    vectors = -(-size // lanes)
    return (vectors + (vectors * lanes * dtype.itemsize % 1024 == 0)) * lanes


def padded_hidden(hidden: FloatArray, network: Weights, *, rows: int) -> VectorArray:
    """Array (rows, Hp) that starts with the hidden states `hidden` (S, H)."""
    array = like(network, rows, len(network.Whh))
    array[: hidden.shape[0], : hidden.shape[1]] = hidden
    return array


def pad(parameters: Parameters, lanes: int) -> Weights:
    """Copies of `parameters`, padded to whole vectors of `lanes` floats."""
    dtype, (V, H) = parameters.Why.dtype, parameters.Why.shape
    Hp, Vp = padded(H, dtype, lanes), padded(V, dtype, lanes)
    shapes = (V, Hp), (Hp, Hp), (Vp, Hp), (Hp,), (Vp,)
    weights = Weights(*(aligned(dtype, lanes, *shape) for shape in shapes))
    for array, values in zip(unpadded(weights, H, V), parameters, strict=True):
        array[...] = values
    return weights


def unpad(weights: Weights, parameters: Parameters) -> None:
    """Copy `weights` back into `parameters`."""
    V, H = parameters.Why.shape
    for array, values in zip(unpadded(weights, H, V), parameters, strict=True):
        values[...] = array


def unpadded(weights: Weights, H: int, V: int) -> tuple[FloatArray, ...]:
    """Views with the shapes of `Parameters`."""
    Wxh, Whh, Why, bh, by = (array.view(np.ndarray) for array in weights)
    return Wxh[:, :H].T, Whh[:H, :H], Why[:V, :H], bh[:H], by[:V]


def network_of(parameters: Parameters, lanes: int) -> Weights:
    """Padded copies of `parameters`, with biases that rule out characters beyond V."""
    network = pad(parameters, lanes)
    network.by[parameters.vocabulary_size :] = -np.inf
    return network


def like(network: Weights, *shape: int) -> VectorArray:
    """Zeros of the type of the weights, with as many lanes."""
    return aligned(network.Whh.dtype, network.Whh.lanes, *shape)


def transposed_copies(network: Weights) -> Transposed:
    """Copies of Whh and Why, as `product` needs them for h Whhᵀ and h Whyᵀ."""
    copies = Transposed(*(like(network, *W.T.shape) for W in (network.Whh, network.Why)))
    for copy, W in zip(copies, (network.Whh, network.Why), strict=True):
        np.copyto(copy, W.T)
    return copies


def not_transposed(network: Weights) -> Transposed:
    """Empty arrays: the weights are multiplied as they are."""
    return Transposed(like(network, 0, 0), like(network, 0, 0))


def activations_of(network: Weights, T: int, B: int) -> Activations:
    """Arrays for T characters of B streams."""
    Vp, Hp = network.Why.shape
    return Activations(
        tokens=np.zeros((T + 1, B), np.int64),
        hs=like(network, (T + 1) * B, Hp),
        ps=like(network, T * B, Vp),
        dh=like(network, T * B, Hp),
        nats=np.zeros((T, B)),
    )


def text_of(streams: NDArray[np.integer]) -> Text:
    """View of `streams` (B, L); copied only if it is not contiguous, or not little-endian."""
    dtype = streams.dtype.newbyteorder("<")
    plain = np.ascontiguousarray(streams, dtype).view(np.ndarray).reshape(-1).view(np.uint8)
    plain.flags.writeable = False  # as in a memory map: numba has another type for writable arrays
    return Text(plain, dtype.itemsize, streams.shape[1])
