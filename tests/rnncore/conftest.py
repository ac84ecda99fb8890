"""A text that is English, and networks of any shape to train on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from rnncore import Parameters, TrainingState
from tests.rnncore.notebook import Array, Notebook, names

corpus = Path(__file__).parents[2] / "data" / "corpus" / "lighthouse.txt"


@pytest.fixture(scope="session")
def english() -> NDArray[np.uint8]:
    """The first 8,000 characters of bundled prose as tokens, by code point."""
    text = corpus.read_text(encoding="utf-8")[:8000]
    index = {character: n for n, character in enumerate(sorted(set(text)))}
    return np.array([index[character] for character in text], np.uint8)


def notebook_weights(parameters: Parameters) -> dict[str, Array]:
    """Copies in float64 as the notebook has them: the biases are columns."""
    return {
        name: array.astype(np.float64).reshape(len(array), -1) for name, array in parameters.items()
    }


def notebook_of(state: TrainingState, tokens: NDArray[np.integer]) -> Notebook:
    """The notebook's loop, about to do what `state` is about to do from its beginning."""
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
    """Largest difference of any weight, sum of squares or memory between the two."""
    ours = [*state.parameters, *state.adagrad, state.hidden]
    theirs = [
        *(notebook.weights[name] for name in names),
        *(notebook.memory[name] for name in names),
        np.stack(notebook.hprev),
    ]
    return max(
        float(np.abs(a - b.reshape(a.shape)).max()) for a, b in zip(ours, theirs, strict=True)
    )


def bytes_of(state: TrainingState) -> list[bytes]:
    """Everything that a checkpoint would hold."""
    arrays = [*state.parameters, *state.adagrad, state.hidden]
    numbers = np.array([state.position, state.iteration, state.smooth_loss])
    return [array.tobytes() for array in [*arrays, numbers]]
