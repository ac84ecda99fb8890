"""Exported networks, and the code that their cards show."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.reporting.exports.loading import loading
from flows.reporting.exports.network import onnx_bytes, safetensors_bytes, vocabulary_bytes
from flows.storage.payload import Payload
from flows.text import Vocabulary
from rnncore import Hyperparameters, TrainingState, train
from rnncore.network import forward
from rnncore.parameters import FloatArray

characters = Vocabulary("\n abcdefghi")
close = {"float32": 1e-5, "float64": 1e-12}  # rounding of sums in another order


def trained(dtype: str, vocabulary: Vocabulary = characters) -> Payload:
    """A small network, trained so far that its weights differ in size and no bias is zero."""
    options = Hyperparameters(hidden_size=7, dtype=dtype)
    state = TrainingState.initial(len(vocabulary), options, seed=1)
    train(state, np.random.default_rng(0).integers(0, len(vocabulary), 500), 60)
    return Payload(state, vocabulary)


def write_network(folder: Path, payload: Payload, *, onnx: bool = True) -> None:
    """The files of an export without the card."""
    parameters = payload.state.parameters
    (folder / "model.safetensors").write_bytes(safetensors_bytes(parameters, {"model": "m"}))
    (folder / "vocabulary.json").write_bytes(vocabulary_bytes(payload.vocabulary))
    if onnx:
        (folder / "model.onnx").write_bytes(onnx_bytes(parameters, "a test"))


def shown_code(payload: Payload, package: str) -> str:
    """The block of Python in a card that imports a package."""
    blocks = re.findall("```python\n(.*?)```", loading(payload), re.DOTALL)
    return next(
        str(block) for block in blocks if f"import {package}" in block or f"from {package}" in block
    )


def run_shown(folder: Path, payload: Payload, package: str, **names: Any) -> dict[str, Any]:
    """The variables after the code that a card shows, run in the folder of its files."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        exec(shown_code(payload, package), names)
    finally:
        os.chdir(before)
    return names


def logits_of(
    payload: Payload, tokens: NDArray[np.integer], hidden: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Scores (T, B, V) and last hidden state (B, H) by the reference of rnncore."""
    parameters = payload.state.parameters
    if hidden is None:
        hidden = np.zeros((tokens.shape[1], parameters.hidden_size), parameters.bh.dtype)
    states = forward(parameters, tokens, hidden)
    return states[1:] @ parameters.Why.T + parameters.by, states[-1]


def some_tokens(length: int, batch: int, size: int) -> NDArray[np.int64]:
    """Tokens of every kind, (length, batch)."""
    return np.random.default_rng([length, batch]).integers(0, size, (length, batch))
