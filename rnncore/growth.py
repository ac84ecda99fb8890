"""Growth: a network that goes on with more characters; what it knew of the others stays.

docs/vocabulary-growth.md states the rule and proves its bound.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from rnncore.exceptions import InvalidHyperparameter, InvalidTokens
from rnncore.parameters import FloatArray, Hyperparameters, Parameters
from rnncore.state import TrainingState

share_of_new = 1e-3  # probability of all new characters together, at most
rounding = 1e-4  # of that share, so that rounding to float32 does not exceed it
bound_rounds = 300


def log_normaliser_bound(parameters: Parameters, rounds: int = bound_rounds) -> float:
    """A lower bound, in nats, of log Σ exp(Why h + by) over all hidden states h in [−1, 1]^H.

    For every distribution p over the characters and every such h, Gibbs' inequality gives
    log Σ exp(Why h + by) ≥ H(p) + p·by + p·Why h ≥ H(p) + p·by − ‖Whyᵀp‖₁. Any p proves a bound; the
    distributions on the way to the minimum over h (a convex function) prove nearly the best one.
    """
    Why, by = parameters.Why.astype(np.float64), parameters.by.astype(np.float64)
    # einsum without BLAS: the bound decides bytes of a run, so no thread may reorder its sums.
    step = 1 / max(float(np.einsum("vh,vh->v", Why, Why).max()), 1e-12)
    h = ahead = np.zeros(Why.shape[1])
    best = -math.inf
    for n in range(rounds):  # projected gradient descent with Nesterov's momentum
        ys = np.einsum("vh,h->v", Why, ahead) + by
        exponentials = np.exp(ys - ys.max())
        p = exponentials / exponentials.sum()
        gradient = np.einsum("vh,v->h", Why, p)
        entropy = -float(np.sum(p * np.log(np.maximum(p, 1e-300))))
        best = max(best, entropy + float(np.sum(p * by)) - float(np.abs(gradient).sum()))
        after = np.clip(ahead - step * gradient, -1, 1)
        ahead = after + n / (n + 3) * (after - h)
        h = after
    return best


def grow(
    parameters: Parameters,
    places: NDArray[np.integer],
    code_points: NDArray[np.integer],
    *,
    seed: int,
    weight_scale: float = 0.1,
) -> Parameters:
    """The network over a larger vocabulary, which has all the characters of before.

    `places` (V,) are the new tokens of the old ones, `code_points` (V',) those of all characters.
    Rows and columns of old characters are carried over exactly. A new character has a row of Why of
    zeros; a column of Wxh that (seed, code point) alone decides; and a `by` with which all new ones
    together have a probability of at most `share_of_new`, whatever the hidden state.

    >>> options = Hyperparameters(hidden_size=2)
    >>> old = Parameters.initial(2, options, seed=0)
    >>> grown = grow(old, np.array([0, 2]), np.array([97, 98, 99]), seed=0)
    >>> grown.Why.shape, bool((grown.Why[[0, 2]] == old.Why).all()), grown.Why[1].tolist()
    ((3, 2), True, [0.0, 0.0])
    """
    grown = _scatter(parameters, places, len(code_points))
    is_new = np.ones(len(code_points), bool)
    is_new[places] = False
    if is_new.any():
        share = share_of_new * (1 - rounding) / np.count_nonzero(is_new)
        grown.by[is_new] = log_normaliser_bound(parameters) + math.log(share)
    for token in np.flatnonzero(is_new):
        rng = np.random.default_rng([seed, int(code_points[token])])
        grown.Wxh[:, token] = rng.standard_normal(parameters.hidden_size) * weight_scale
    return grown


def warm_start(
    parent: TrainingState,
    places: NDArray[np.integer],
    code_points: NDArray[np.integer],
    hyperparameters: Hyperparameters,
    *,
    seed: int,
    decay: float,
) -> TrainingState:
    """The state before the first iteration of a run that goes on from the weights of `parent`.

    Adagrad's sums are multiplied by `decay`, 0 to forget them and 1 to keep them; those of new
    characters are zero. Iteration, position and hidden state start at 0; the smooth loss is carried
    over, for sequences of the new length. For `places` and `code_points` see `grow`.
    """
    old = parent.hyperparameters
    if (old.hidden_size, old.dtype) != (hyperparameters.hidden_size, hyperparameters.dtype):
        raise InvalidHyperparameter(
            "hidden_size and dtype",
            (hyperparameters.hidden_size, hyperparameters.dtype),
            f"those of the network that training starts from, {(old.hidden_size, old.dtype)}",
        )
    if not 0 <= decay <= 1:
        raise InvalidHyperparameter("decay", decay, "a number from 0 to 1")
    scale = hyperparameters.weight_scale
    parameters = grow(parent.parameters, places, code_points, seed=seed, weight_scale=scale)
    sums = _scatter(parent.adagrad, places, len(code_points))
    for total in sums:
        np.multiply(total, decay, out=total)
    shape = hyperparameters.batch_size, hyperparameters.hidden_size
    return TrainingState(
        parameters=parameters,
        adagrad=sums,
        hidden=np.zeros(shape, hyperparameters.float_type),
        position=0,
        iteration=0,
        smooth_loss=parent.smooth_loss * (hyperparameters.seq_length / old.seq_length),
        hyperparameters=hyperparameters,
    )


def _scatter(parameters: Parameters, places: NDArray[np.integer], V: int) -> Parameters:
    """The rows and columns of each character at its new place, zeros elsewhere."""
    H, dtype = parameters.hidden_size, parameters.by.dtype
    if len(places) != parameters.vocabulary_size or len(np.unique(places)) != len(places):
        raise InvalidTokens(
            f"{parameters.vocabulary_size} characters need as many different places, not {places}"
        )
    if len(places) and not 0 <= places.min() <= places.max() < V:
        raise InvalidTokens(f"places must be from 0 to {V - 1}, not {places}")

    def row_of(array: FloatArray, *shape: int) -> FloatArray:
        scattered = np.zeros(shape, dtype)
        scattered[places] = array
        return scattered

    return Parameters(
        Wxh=np.ascontiguousarray(row_of(parameters.Wxh.T, V, H).T),
        Whh=parameters.Whh.copy(),
        Why=row_of(parameters.Why, V, H),
        bh=parameters.bh.copy(),
        by=row_of(parameters.by, V),
    )
