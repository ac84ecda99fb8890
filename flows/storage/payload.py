"""A training state as the bytes of a safetensors file, and read back by a strict reader.

One metadata key holds canonical JSON, and tensors have a fixed order, so equal states have equal
bytes. Any safetensors library reads these files.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np

from flows.exceptions import DamagedObject
from flows.storage import bounds
from flows.storage.canonical import canonical_json, strict_json
from flows.storage.damage import check_format
from flows.text import Vocabulary
from rnncore import Hyperparameters, Parameters, Rounds, TrainingState
from rnncore.parameters import FloatArray

payload_format = 1  # of a state without rounds
rounds_format = 2
metadata_key = "training_state"
type_codes = {"float32": "F32", "float64": "F64"}
largest_count = 2**62  # of characters and iterations, whose sums must fit 64 bits
largest_loss = 1e100  # far above any that options allow, far below what overflows in a picture


class Payload(NamedTuple):
    """What a checkpoint holds: the state, and the characters that its tokens stand for."""

    state: TrainingState
    vocabulary: Vocabulary


def write_payload(state: TrainingState, vocabulary: Vocabulary) -> bytes:
    """`state` as a safetensors file in memory."""
    rounds = state.rounds
    parts = {"parameters": state.parameters, "adagrad": state.adagrad}
    arrays = [("hidden", state.hidden)]
    if rounds:
        arrays = [("hidden", rounds.hidden.reshape(-1, rounds.hidden.shape[-1]))]
        parts["momentum"] = rounds.momentum
    arrays += [(f"{part}.{name}", each) for part in parts for name, each in parts[part].items()]
    metadata = {
        "format": rounds_format if rounds else payload_format,
        "hyperparameters": dataclasses.asdict(state.hyperparameters),
        "iteration": state.iteration,
        "position": state.position,
        "smooth_loss": state.smooth_loss,
        "vocabulary": vocabulary.characters,
    }
    if vocabulary.unit != "character":
        metadata["unit"] = vocabulary.unit
    if rounds:
        metadata |= {"positions": rounds.positions.tolist(), "loss": rounds.loss}
    shards = len(rounds.positions) if rounds else 1
    header: dict[str, Any] = _layout(state.hyperparameters, len(vocabulary), shards)
    header["__metadata__"] = {metadata_key: canonical_json(metadata).decode()}
    return join_tensors(header, [_body(key, array, header[key]) for key, array in sorted(arrays)])


def join_tensors(header: dict[str, Any], bodies: list[bytes]) -> bytes:
    """A safetensors file of a header and the arrays that it describes, in their order."""
    text = canonical_json(header)
    text += b" " * (-len(text) % 8)  # the arrays start at a multiple of eight bytes
    return b"".join([len(text).to_bytes(8, "little"), text, *bodies])


def read_payload(name: str, data: bytes) -> Payload:
    """The state in `data`; `DamagedObject` names the reason before anything is allocated."""
    try:
        header, start = _read_header(data)
        metadata = strict_json(header.pop("__metadata__")[metadata_key].encode())
        check_format(name, metadata["format"], rounds_format)
        hyperparameters = Hyperparameters(**metadata["hyperparameters"])
        vocabulary = Vocabulary.from_list(
            list(metadata["vocabulary"]), metadata.get("unit", "character")
        )
        if len(vocabulary) < 2:  # noqa: PLR2004 - with fewer there is nothing to predict
            raise ValueError("its vocabulary has fewer than 2 characters")
        positions = _read_positions(metadata)
        layout = _layout(hyperparameters, len(vocabulary), max(1, len(positions)))
        # Compared as text: in Python true equals 1 and 1.0 equals 1, in a header they do not.
        if canonical_json(header) != canonical_json(layout):
            raise ValueError("tensors are not those of its hyperparameters and vocabulary")
        if len(data) - start != max(entry["data_offsets"][1] for entry in layout.values()):
            raise ValueError(f"{len(data) - start} bytes of tensors, not what its header says")
        arrays = _read_arrays(data[start:], layout, hyperparameters)
        state = _build_state(arrays, hyperparameters, metadata)
        if positions:
            state.rounds = _build_rounds(arrays, positions, metadata)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedObject(name, f"not a checkpoint ({error})") from error
    return Payload(state, vocabulary)


def _body(key: str, array: FloatArray, entry: dict[str, Any]) -> bytes:
    """Bytes of one array in rows; ValueError if it is not what the header says of it."""
    found = type_codes.get(array.dtype.name), list(array.shape)
    if found != (entry["dtype"], entry["shape"]):
        raise ValueError(f"{key} is {array.dtype} {array.shape}, not as its hyperparameters say")
    return array.tobytes()


def _read_header(data: bytes) -> tuple[dict[str, Any], int]:
    """The header and where the tensors start."""
    if len(data) < 8:  # noqa: PLR2004 - the length itself takes eight bytes
        raise ValueError(f"{len(data)} bytes are too short for a header")
    length = int.from_bytes(data[:8], "little")
    if length > min(len(data) - 8, bounds.payload_header):
        raise ValueError(f"its header claims {length} bytes")
    header = strict_json(data[8 : 8 + length])
    if not isinstance(header, dict):
        raise TypeError("its header is not an object")
    return header, 8 + length


def _layout(
    hyperparameters: Hyperparameters, vocabulary_size: int, shards: int
) -> dict[str, dict[str, Any]]:
    """The tensors of a state, sorted by name, each with type, shape and place."""
    hidden, batch = hyperparameters.hidden_size, hyperparameters.batch_size
    shapes: dict[str, list[int]] = {
        "Wxh": [hidden, vocabulary_size],
        "Whh": [hidden, hidden],
        "Why": [vocabulary_size, hidden],
        "bh": [hidden],
        "by": [vocabulary_size],
    }
    parts = ("parameters", "adagrad", "momentum") if shards > 1 else ("parameters", "adagrad")
    tensors = {f"{part}.{key}": shapes[key] for part in parts for key in shapes}
    tensors["hidden"] = [shards * batch, hidden]
    layout = {}
    offset = 0
    for key in sorted(tensors):
        end = offset + math.prod(tensors[key]) * hyperparameters.float_type.itemsize
        layout[key] = {
            "dtype": type_codes[hyperparameters.dtype],
            "shape": tensors[key],
            "data_offsets": [offset, end],
        }
        offset = end
    return layout


def _read_arrays(
    body: bytes, layout: dict[str, dict[str, Any]], hyperparameters: Hyperparameters
) -> dict[str, FloatArray]:
    """The arrays in `body`, checked."""
    dtype = hyperparameters.float_type.newbyteorder("<")
    arrays = {
        key: np.frombuffer(body[slice(*entry["data_offsets"])], dtype).reshape(entry["shape"])
        for key, entry in layout.items()
    }
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("a weight is NaN or infinite")
    return arrays


def _copied(arrays: dict[str, FloatArray], part: str) -> Parameters:
    """Copies of the arrays of a part."""
    names = [field.name for field in dataclasses.fields(Parameters)]
    return Parameters(*(arrays[f"{part}.{key}"].copy() for key in names))


def _build_rounds(
    arrays: dict[str, FloatArray], positions: list[int], metadata: dict[str, Any]
) -> Rounds:
    """What a training in shards has besides the state of its first shard."""
    loss, hidden = metadata["loss"], arrays["hidden"]
    if type(loss) is not float or abs(loss) > largest_loss:
        raise ValueError(f"the loss must be a number, at most {largest_loss:g}")
    return Rounds(
        hidden=hidden.reshape(len(positions), -1, hidden.shape[1]).copy(),
        positions=np.array(positions, np.int64),
        momentum=_copied(arrays, "momentum"),
        loss=loss,
    )


def _build_state(
    arrays: dict[str, FloatArray], hyperparameters: Hyperparameters, metadata: dict[str, Any]
) -> TrainingState:
    """The state of a payload, or of its first shard."""
    position, iteration, smooth_loss = _read_numbers(metadata)
    parameters, adagrad = _copied(arrays, "parameters"), _copied(arrays, "adagrad")
    if any((array < 0).any() for array in adagrad):
        raise ValueError("a sum of squares is negative")
    return TrainingState(
        parameters=parameters,
        adagrad=adagrad,
        hidden=arrays["hidden"][: hyperparameters.batch_size].copy(),
        position=position,
        iteration=iteration,
        smooth_loss=smooth_loss,
        hyperparameters=hyperparameters,
    )


def _read_positions(metadata: dict[str, Any]) -> list[int]:
    """The position of each shard, the first as that of the state; none without rounds."""
    if metadata["format"] == payload_format:
        return []
    positions = metadata["positions"]
    if type(positions) is not list or len(positions) < 2:  # noqa: PLR2004 - one shard has no rounds
        raise ValueError("the positions must be those of at least 2 shards")
    if not all(type(at) is int and 0 <= at <= largest_count for at in positions):
        raise ValueError("the positions must be whole numbers from 0 to 2**62")
    if positions[0] != metadata["position"]:
        raise ValueError("the position is not that of the first shard")
    return positions


def _read_numbers(metadata: dict[str, Any]) -> tuple[int, int, float]:
    """Position, iteration and smooth loss; ValueError if one is not a number in its bounds."""
    position, iteration = metadata["position"], metadata["iteration"]
    for number in (position, iteration):
        if type(number) is not int or not 0 <= number <= largest_count:
            raise ValueError("position and iteration must be whole numbers from 0 to 2**62")
    smooth_loss = metadata["smooth_loss"]
    if type(smooth_loss) is not float or abs(smooth_loss) > largest_loss:
        raise ValueError(f"the smooth loss must be a number, at most {largest_loss:g}")
    return position, iteration, smooth_loss
