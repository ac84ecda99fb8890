"""Exported networks give the same logits in numpy, PyTorch and onnxruntime, by the code in the card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from flows.exceptions import FlowError
from flows.reporting.exports.network import onnx_bytes, vocabulary_bytes
from flows.text import Vocabulary
from tests.support.exports import (
    characters,
    close,
    logits_of,
    run_shown,
    some_tokens,
    trained,
    write_network,
)

dtypes = pytest.mark.parametrize("dtype", ["float32", "float64"])
shapes = pytest.mark.parametrize("shape", [(1, 1), (2, 5), (31, 3)], ids=str)
no_torch = "needs pip install -e '.[bench]'"
no_onnx = "needs pip install -e '.[dev]'"


@dtypes
def test_the_tensors_are_those_of_a_torch_rnn(tmp_path: Path, dtype: str) -> None:
    """Names, shapes and type; any safetensors library reads them, and the facts about them."""
    payload = trained(dtype)
    write_network(tmp_path, payload, onnx=False)
    tensors = load_file(tmp_path / "model.safetensors")

    shapes = {name: tensor.shape for name, tensor in tensors.items()}
    assert {
        "weight_ih_l0": (7, 11),
        "weight_hh_l0": (7, 7),
        "bias_ih_l0": (7,),
        "bias_hh_l0": (7,),
        "linear.weight": (11, 7),
        "linear.bias": (11,),
    } == shapes
    assert {dtype} == {tensor.dtype.name for tensor in tensors.values()}
    np.testing.assert_array_equal(payload.state.parameters.Wxh, tensors["weight_ih_l0"])
    with safe_open(tmp_path / "model.safetensors", "numpy") as file:
        assert {"format": "pt", "model": "m"} == file.metadata()


@dtypes
def test_the_formula_of_pytorch_gives_the_logits(tmp_path: Path, dtype: str) -> None:
    """Of its documentation: h = tanh(W_ih x + b_ih + W_hh h + b_hh), for a one-hot x."""
    payload, tokens = trained(dtype), some_tokens(9, 4, len(characters))
    write_network(tmp_path, payload, onnx=False)
    w = load_file(tmp_path / "model.safetensors")
    hidden, logits = np.zeros((4, 7), dtype), []
    for x in np.eye(len(characters), dtype=dtype)[tokens]:
        hidden = np.tanh(
            x @ w["weight_ih_l0"].T
            + w["bias_ih_l0"]
            + hidden @ w["weight_hh_l0"].T
            + w["bias_hh_l0"]
        )
        logits.append(hidden @ w["linear.weight"].T + w["linear.bias"])

    expected, last = logits_of(payload, tokens)
    np.testing.assert_allclose(logits, expected, atol=close[dtype])
    np.testing.assert_allclose(hidden, last, atol=close[dtype])


@pytest.mark.parametrize(
    ("vocabulary", "text"),
    [(characters, "a bad\nhead"), (Vocabulary.of_bytes(), "café 😀\n")],
    ids=["characters", "bytes"],
)
def test_the_code_for_numpy_reads_a_text(tmp_path: Path, vocabulary: Vocabulary, text: str) -> None:
    """By the list in vocabulary.json, also of a model of bytes."""
    payload = trained("float32", vocabulary)
    write_network(tmp_path, payload, onnx=False)

    found = run_shown(tmp_path, payload, "safetensors.numpy", text=text)

    tokens = vocabulary.encode(text).reshape(-1, 1)
    np.testing.assert_allclose(found["logits"], logits_of(payload, tokens)[0][-1, 0], atol=1e-5)


def test_the_vocabulary_is_a_list_in_the_order_of_the_tokens() -> None:
    """Characters, or the values of bytes: so it shows which of them the model reads."""
    assert list("\n aä😀") == json.loads(vocabulary_bytes(Vocabulary("\n aä😀")))
    assert list(range(256)) == json.loads(vocabulary_bytes(Vocabulary.of_bytes()))


@dtypes
@shapes
def test_pytorch_gives_the_same_logits(tmp_path: Path, dtype: str, shape: tuple[int, int]) -> None:
    """By the code in the card; the last hidden state too."""
    torch = pytest.importorskip("torch", reason=no_torch)
    payload, tokens = trained(dtype), some_tokens(*shape, len(characters))
    write_network(tmp_path, payload, onnx=False)

    found = run_shown(tmp_path, payload, "torch", tokens=torch.from_numpy(tokens))

    expected, last = logits_of(payload, tokens)
    np.testing.assert_allclose(found["logits"].detach().numpy(), expected, atol=close[dtype])
    np.testing.assert_allclose(found["hidden"][0].detach().numpy(), last, atol=close[dtype])


@dtypes
@shapes
def test_onnxruntime_gives_the_same_logits(
    tmp_path: Path, dtype: str, shape: tuple[int, int]
) -> None:
    """By the code in the card, for any length and batch, in float32."""
    pytest.importorskip("onnx", reason=no_onnx)
    pytest.importorskip("onnxruntime", reason=no_onnx)
    payload, tokens = trained(dtype), some_tokens(*shape, len(characters))
    write_network(tmp_path, payload)

    found = run_shown(tmp_path, payload, "onnxruntime", tokens=tokens)

    expected, last = logits_of(payload, tokens)
    np.testing.assert_allclose(found["logits"], expected, atol=1e-5)
    np.testing.assert_allclose(found["hidden"][0], last, atol=1e-5)


def test_onnxruntime_goes_on_from_a_hidden_state(tmp_path: Path) -> None:
    """Two calls read a text as one does."""
    pytest.importorskip("onnx", reason=no_onnx)
    onnxruntime = pytest.importorskip("onnxruntime", reason=no_onnx)
    payload, tokens = trained("float32"), some_tokens(12, 2, len(characters))
    write_network(tmp_path, payload)
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    hidden, logits = np.zeros((1, 2, 7), np.float32), []
    for part in (tokens[:5], tokens[5:]):
        scores, hidden = session.run(["logits", "last_hidden"], {"tokens": part, "hidden": hidden})
        logits.append(scores)

    np.testing.assert_allclose(np.concatenate(logits), logits_of(payload, tokens)[0], atol=1e-5)


def test_equal_networks_have_equal_files(tmp_path: Path) -> None:
    """So that an export can be compared with one that is there."""
    pytest.importorskip("onnx", reason=no_onnx)
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write_network(folder, trained("float32"))

    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes()


def test_a_weight_beyond_float32_leaves_onnx_out() -> None:
    """It would be infinite there."""
    pytest.importorskip("onnx", reason=no_onnx)
    parameters = trained("float64").state.parameters
    large = replace(parameters, by=np.full_like(parameters.by, 1e300))

    with pytest.raises(FlowError, match="left out, since a weight is too large for float32"):
        onnx_bytes(large, "")
