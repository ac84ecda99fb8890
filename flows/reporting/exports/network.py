"""A network for other programs: safetensors under PyTorch's names, an ONNX graph, a vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.exceptions import FlowError
from flows.storage.canonical import canonical_json
from flows.storage.payload import join_tensors, type_codes
from flows.text import Vocabulary
from rnncore.parameters import FloatArray, Parameters

# Read by onnxruntime from 1.12 on. What is newer would add nothing here.
operator_set, file_version = 17, 8
largest_onnx = 2**31 - 2**20  # bytes of arrays: a file of protobuf has at most 2 GiB


Values = dict[str, tuple[Any, Sequence[int | str]]]  # type and shape, by name


def tensors_of(parameters: Parameters) -> dict[str, FloatArray]:
    """The arrays by the names of `torch.nn.RNN` with a `torch.nn.Linear` as its part `linear`.

    PyTorch adds two biases in the hidden layer, so the second one is zero.
    """
    return {
        "bias_hh_l0": np.zeros_like(parameters.bh),
        "bias_ih_l0": parameters.bh,
        "linear.bias": parameters.by,
        "linear.weight": parameters.Why,
        "weight_hh_l0": parameters.Whh,
        "weight_ih_l0": parameters.Wxh,
    }


def safetensors_bytes(parameters: Parameters, facts: Mapping[str, str]) -> bytes:
    """A safetensors file; `facts` are in its metadata."""
    # Without this format the library Transformers refuses a file.
    header: dict[str, Any] = {"__metadata__": {"format": "pt", **facts}}
    bodies, offset = [], 0
    for name, array in tensors_of(parameters).items():
        body = array.astype(array.dtype.newbyteorder("<")).tobytes()
        header[name] = {
            "dtype": type_codes[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + len(body)],
        }
        bodies.append(body)
        offset += len(body)
    return join_tensors(header, bodies)


def vocabulary_bytes(vocabulary: Vocabulary) -> bytes:
    """JSON: a list of the character of each token, or of its byte where the model reads bytes."""
    if vocabulary.unit == "byte":
        return canonical_json(list(range(len(vocabulary)))) + b"\n"
    return canonical_json(list(vocabulary.characters)) + b"\n"


def onnx_bytes(parameters: Parameters, description: str) -> bytes:
    """The same network as an ONNX graph in float32: onnxruntime has no RNN of another type.

    `FlowError` says why there can be none, as where the package onnx is not installed.
    """
    try:
        import onnx  # slow to import, and an optional package
    except ImportError as error:
        raise FlowError(
            "model.onnx was left out, since the package onnx is not installed: install"
            " rnn-retraining[export] and export again, which adds the file"
        ) from error
    arrays = _constants(parameters)
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node(*node, **options) for node, options in _nodes(parameters)],
        "character_rnn",
        *(
            [helper.make_tensor_value_info(name, *found) for name, found in values.items()]
            for values in _values(parameters, onnx.TensorProto)
        ),
        [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()],
        description,
    )
    opset = helper.make_opsetid("", operator_set)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=file_version)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString(deterministic=True))


def _nodes(parameters: Parameters) -> list[tuple[tuple[str, list[str], list[str]], dict[str, int]]]:
    """The operators: name, inputs, outputs; and options.

    A token selects its column of the input weights, where a one-hot vector would be multiplied with
    all of them; the RNN operator then multiplies that by a unit matrix, which changes no bit.
    """
    recurrent = ["inputs", "unit_matrix", "weight_hh_l0", "biases", "", "hidden"]
    size = {"hidden_size": parameters.hidden_size}
    return [
        (("Gather", ["columns", "tokens"], ["inputs"]), {}),
        (("RNN", recurrent, ["states", "last_hidden"]), size),
        (("Squeeze", ["states", "direction"], ["hidden_states"]), {}),
        (("MatMul", ["hidden_states", "linear.weight"], ["scores"]), {}),
        (("Add", ["scores", "linear.bias"], ["logits"]), {}),
    ]


def _values(parameters: Parameters, kinds: Any) -> tuple[Values, Values]:
    """Inputs and outputs, each with type and shape."""
    states = kinds.FLOAT, (1, "batch", parameters.hidden_size)
    logits = kinds.FLOAT, ("length", "batch", parameters.vocabulary_size)
    tokens = kinds.INT64, ("length", "batch")
    return {"tokens": tokens, "hidden": states}, {"logits": logits, "last_hidden": states}


def _constants(parameters: Parameters) -> dict[str, NDArray[Any]]:
    """The constants of the graph; `FlowError` where a graph cannot hold them."""
    with np.errstate(over="ignore"):
        single = Parameters(*(array.astype(np.float32) for array in parameters))
    if not single.is_finite():
        raise FlowError("model.onnx was left out, since a weight is too large for float32")
    arrays: dict[str, NDArray[Any]] = {
        "columns": np.ascontiguousarray(single.Wxh.T),  # (V, H)
        "unit_matrix": np.eye(single.hidden_size, dtype=np.float32)[None],
        "weight_hh_l0": single.Whh[None],
        "biases": np.concatenate([single.bh, np.zeros_like(single.bh)])[None],
        "direction": np.array([1], np.int64),  # the RNN operator's axis of directions
        "linear.weight": np.ascontiguousarray(single.Why.T),  # (H, V)
        "linear.bias": single.by,
    }
    if (size := sum(array.nbytes for array in arrays.values())) > largest_onnx:
        raise FlowError(
            f"model.onnx was left out, since it would have {size:,} bytes, and ONNX takes"
            f" {largest_onnx:,}"
        )
    return arrays
