"""Networks to test, and their comparison with the notebook's loop."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from benchmarks.notebook import Array, Notebook, names
from rnncore import Hyperparameters, Parameters, TrainingState


def contracting_network(H: int, V: int, dtype: str = "float64", *, seed: int = 0) -> Parameters:
    """A network whose hidden state forgets; in a chaotic one, rounding errors would grow."""
    options = Hyperparameters(hidden_size=H, dtype=dtype, weight_scale=0.8 / math.sqrt(H))
    return Parameters.initial(V, options, seed=seed)


def notebook_weights(parameters: Parameters) -> dict[str, Array]:
    """Copies in float64 with the notebook's shapes: the biases are columns."""
    return {
        name: array.astype(np.float64).reshape(len(array), -1) for name, array in parameters.items()
    }


def notebook_of(state: TrainingState, tokens: NDArray[np.integer]) -> Notebook:
    """The notebook's loop with the weights and options of `state`, before its first iteration."""
    options = state.hyperparameters
    length = len(tokens) // options.batch_size
    streams = tokens[: length * options.batch_size].reshape(options.batch_size, length)
    return Notebook(
        weights=notebook_weights(state.parameters),
        seq_length=options.seq_length,
        streams=streams.tolist(),
        learning_rate=options.learning_rate,
        clip=options.gradient_clip,
    )


def difference(state: TrainingState, notebook: Notebook) -> float:
    """Largest difference of a weight, a sum of squares or a hidden state."""
    ours = [*state.parameters, *state.adagrad, state.hidden]
    theirs = [
        *(notebook.weights[name] for name in names),
        *(notebook.sums[name] for name in names),
        np.stack(notebook.hprev),
    ]
    return max(
        float(np.abs(a - b.reshape(a.shape)).max()) for a, b in zip(ours, theirs, strict=True)
    )


def bytes_of(state: TrainingState) -> list[bytes]:
    """The bytes of all that a checkpoint holds."""
    arrays = [*state.parameters, *state.adagrad, state.hidden]
    numbers = np.array([state.position, state.iteration, state.smooth_loss])
    return [array.tobytes() for array in [*arrays, numbers]]
