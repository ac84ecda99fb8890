"""Read and draw: shares of the texts are read, or written, side by side in several threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context

import numpy as np
from numpy.typing import NDArray

from rnncore.kernels import drawing, forward
from rnncore.kernels.simd import known_lanes, threads_for
from rnncore.kernels.workspace import (
    Weights,
    like,
    network_of,
    padded_hidden,
    text_of,
    transposed_copies,
)
from rnncore.parameters import FloatArray, Parameters

most_units = 32  # read side by side
units_at_once = 8 * most_units  # read before Python answers a signal: some tenths of a second
most_texts = 256  # drawn side by side: what they need stays in the cache


def read(
    parameters: Parameters, tokens: NDArray[np.integer], hidden: FloatArray
) -> tuple[float, FloatArray]:
    """Nats of `tokens[1:]`, each given all before it, and the hidden state after `tokens[:-1]`.

    Reading starts with the hidden state `hidden` (H,); `tokens` (N,) has at least one token.
    """
    network, H, nats = _network_of(parameters), parameters.hidden_size, np.zeros(1)
    copies = transposed_copies(network)
    window, text = forward.window_of(network, copies, 1), text_of(tokens.reshape(1, -1))
    first, length, start = np.zeros(1, np.int64), np.array([len(tokens)]), np.array([hidden])
    forms = first, length, start, 1, window, first, 0, nats
    row = forward.read_units(H, network, copies, text, *forms)
    return float(nats[0]), np.array(window.hs[row, :H])


def nats_of_units(
    parameters: Parameters, tokens: NDArray[np.integer], ends: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Nats of each unit of `tokens` (N,); `ends` (units,) are where they end.

    Each is read from a hidden state of zeros, and its first token is given. Units of about the same
    length are read side by side; which ones, and in which thread, changes no bit.
    """
    nats = np.zeros(len(ends))
    _read_units(parameters, tokens, ends, np.arange(len(ends)), 0, nats)
    return nats


def nats_of_tokens(
    parameters: Parameters,
    tokens: NDArray[np.integer],
    ends: NDArray[np.int64],
    hidden: FloatArray | None,
) -> NDArray[np.float64]:
    """Nats of each of `tokens` (N,), in units as of `nats_of_units`; 0 for the first of each.

    Units start with the hidden states `hidden` (units, H), or with zeros.
    """
    nats = np.zeros(len(tokens))
    _read_units(parameters, tokens, ends, ends - np.diff(ends, prepend=0), 1, nats, hidden)
    return nats


def _read_units(
    parameters: Parameters,
    tokens: NDArray[np.integer],
    ends: NDArray[np.int64],
    firsts: NDArray[np.int64],
    step: int,
    nats: NDArray[np.float64],
    hidden: FloatArray | None = None,
) -> None:
    """Add the loss of each character to `nats`, at the place that `forward.read` says."""
    network, H = _network_of(parameters), parameters.hidden_size
    copies, text = transposed_copies(network), text_of(tokens[None])
    lengths = np.diff(ends, prepend=0)
    starts, longest_first = ends - lengths, np.argsort(-lengths, kind="stable")
    units = longest_first[: np.count_nonzero(lengths > 1)]  # the others have nothing to predict
    work = 2 * len(tokens) * H * (H + parameters.vocabulary_size)
    threads = min(threads_for(work), len(units))
    none = np.zeros((0, H), parameters.bh.dtype)

    def read_shares(shares: slice) -> None:
        window = forward.window_of(network, copies, most_units)
        for first in range(threads)[shares]:
            share = units[first::threads]
            for at in range(0, len(share), units_at_once):
                some = share[at : at + units_at_once]
                bounds, begin = (
                    (starts[some], lengths[some]),
                    none if hidden is None else hidden[some],
                )
                forms = *bounds, begin, most_units, window, firsts[some], step, nats
                forward.read_units(H, network, copies, text, *forms)

    _in_parts(read_shares, threads, threads)


def draw(
    parameters: Parameters,
    hidden: FloatArray,
    first_tokens: NDArray[np.integer],
    uniforms: NDArray[np.float64],
    temperatures: NDArray[np.floating],
    top_k: int,
    top_p: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64], FloatArray]:
    """S texts (S, n), the nats of their tokens, and the hidden states (S, H) before the last ones.

    Each starts from a hidden state of `hidden` (S, H) and a first token. A token is drawn where the
    cumulative probability exceeds its number of `uniforms` (S, n); `temperatures` (S,) are of the
    type of the network. No text depends on the others.
    """
    network, (streams, length) = _network_of(parameters), uniforms.shape
    copies, (Vp, _), H = transposed_copies(network), network.Why.shape, parameters.hidden_size
    texts, nats = np.zeros(uniforms.shape, np.int64), np.zeros(uniforms.shape)
    last = np.zeros((streams, H), parameters.bh.dtype)

    def draw_part(part: slice) -> None:
        tokens = np.array(first_tokens[part], np.int64)
        hs = padded_hidden(hidden[part], network, rows=2 * len(tokens))
        ps, es = like(network, len(tokens), Vp), like(network, Vp)
        numbers = np.array(uniforms[part], np.float64), np.array(temperatures[part])
        forms = hs, ps, es, tokens, *numbers, top_k, top_p
        drawing.draw(H, network, copies, *forms, texts[part], nats[part])
        last[part] = np.split(hs, 2)[length % 2][:, :H]

    def draw_share(share: slice) -> None:
        for start in range(share.start, share.stop, most_texts):
            draw_part(slice(start, min(start + most_texts, share.stop)))

    work = 2 * texts.size * H * (H + Vp)
    _in_parts(draw_share, streams, threads_for(work))
    return texts, nats, last


def _in_parts(function: Callable[[slice], None], count: int, parts: int) -> None:
    """Call `function` with `parts` slices of `count` items, each in a thread of its own."""
    if parts == 1:
        function(slice(0, count))
        return
    ends = [count * part // parts for part in range(parts + 1)]
    with ThreadPoolExecutor(parts) as pool:  # in the caller's context, to which log records belong
        contexts = [copy_context() for _ in range(parts)]
        slices = map(slice, ends, ends[1:])
        list(pool.map(lambda context, part: context.run(function, part), contexts, slices))


def _network_of(parameters: Parameters) -> Weights:
    """Padded copies of `parameters` for reading and drawing, which no record names."""
    return network_of(parameters, known_lanes(8 * parameters.bh.dtype.itemsize))
