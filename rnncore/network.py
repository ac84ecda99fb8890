"""The network itself: the forward pass, the loss, and backpropagation through time.

This is the reference, written to be read. `kernels` computes the same, faster.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnncore.parameters import FloatArray, Parameters


def loss_and_gradients(
    parameters: Parameters,
    inputs: NDArray[np.integer],
    targets: NDArray[np.integer],
    hidden: FloatArray,
    gradient_clip: float,
) -> tuple[float, Parameters, FloatArray]:
    """Forward and backward pass over T characters of B streams (the notebook's `loss_fun`).

    `inputs` and `targets` are tokens of shape (T, B), or (T,) for one stream; `hidden` (B, H) is
    the hidden state before the sequence. Returns the loss in nats, summed over the sequence and
    averaged over the batch; its gradients, clipped elementwise to ±`gradient_clip`; and the last
    hidden state, (B, H).

    >>> from rnncore.parameters import Hyperparameters
    >>> p = Parameters.initial(4, Hyperparameters(hidden_size=3, dtype="float64"), seed=0)
    >>> loss, gradients, hidden = loss_and_gradients(
    ...     p, np.array([0, 1]), np.array([1, 2]), np.zeros((1, 3)), 5.0)
    >>> round(loss, 2), gradients.Why.shape, hidden.shape
    (2.77, (4, 3), (1, 3))
    """
    inputs = inputs.reshape(len(inputs), -1)  # (T, B)
    targets = targets.reshape(inputs.shape)  # (T, B)
    streams = inputs.shape[1]  # B
    hs = forward(parameters, inputs, hidden.reshape(streams, -1))  # (T + 1, B, H)
    ys = hs[1:] @ parameters.Why.T + parameters.by  # (T, B, V)
    losses, ps = softmax_loss(ys, targets)  # (T, B), (T, B, V)
    gradients = backward(parameters, inputs, targets, hs, ps)
    for d in gradients:
        np.clip(d, -gradient_clip, gradient_clip, out=d)
    return float(losses.sum(dtype=np.float64)) / streams, gradients, hs[-1]


def forward(parameters: Parameters, inputs: NDArray[np.integer], hidden: FloatArray) -> FloatArray:
    """Hidden states (T + 1, B, H) for `inputs` (T, B); the first is `hidden`.

    The notebook multiplies Wxh by a one-hot vector, which selects a column; here it is indexed.
    """
    hs = np.empty((len(inputs) + 1, *hidden.shape), parameters.Whh.dtype)
    hs[0] = hidden
    for t, tokens in enumerate(inputs):
        x = parameters.Wxh[:, tokens].T  # (B, H)
        hs[t + 1] = np.tanh(x + hs[t] @ parameters.Whh.T + parameters.bh)
    return hs


def softmax_loss(ys: FloatArray, targets: NDArray[np.integer]) -> tuple[FloatArray, FloatArray]:
    """Cross entropy of each target in nats, and the probabilities of every character.

    `ys` is (..., V), `targets` (...). The largest score is subtracted first, so exp cannot
    overflow; the loss is computed from the scores, so a probability of zero does not make it infinite.
    """
    shifted = ys - ys.max(axis=-1, keepdims=True)
    exponentials = np.exp(shifted)
    total = exponentials.sum(axis=-1, keepdims=True)
    chosen = np.take_along_axis(shifted, targets[..., None].astype(np.intp), axis=-1)
    return (np.log(total) - chosen)[..., 0], exponentials / total


def backward(
    parameters: Parameters,
    inputs: NDArray[np.integer],
    targets: NDArray[np.integer],
    hs: FloatArray,
    ps: FloatArray,
) -> Parameters:
    """Gradients of the loss, before clipping: backpropagation through time over T steps."""
    gradients = parameters.zeros_like()
    dhnext = np.zeros_like(hs[0])  # (B, H) from the losses of later characters
    streams = np.arange(inputs.shape[1])
    for t in reversed(range(len(inputs))):
        dy = ps[t].copy()  # (B, V)
        dy[streams, targets[t]] -= 1  # gradient of softmax and cross entropy
        dy /= len(streams)  # the loss is a mean over the streams
        gradients.Why += dy.T @ hs[t + 1]
        gradients.by += dy.sum(axis=0)
        dh = dy @ parameters.Why + dhnext  # (B, H)
        dhraw = (1 - hs[t + 1] * hs[t + 1]) * dh  # before tanh
        gradients.bh += dhraw.sum(axis=0)
        np.add.at(gradients.Wxh.T, inputs[t], dhraw)  # a column of Wxh for each input character
        gradients.Whh += dhraw.T @ hs[t]
        dhnext = dhraw @ parameters.Whh
    return gradients
