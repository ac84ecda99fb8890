"""A payload holds the whole state to the last bit, and its reader trusts nothing."""

from __future__ import annotations

import io
import json
import math
import pickle
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.exceptions import DamagedObject, NewerFormat
from flows.storage import bounds
from flows.storage.payload import metadata_key, read_payload, write_payload
from flows.text.vocabulary import Vocabulary
from rnncore import train
from tests.support.states import assert_same_state, make_round, make_state, tokens, vocabulary
from tests.support.stores import flipped

Header = dict[str, Any]
intact = write_payload(make_state("float32"), vocabulary)


of_rounds = write_payload(make_round(), vocabulary)


def parts(data: bytes = intact) -> tuple[Header, bytes]:
    """Header and body of a payload."""
    length = int.from_bytes(data[:8], "little")
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def framed(header: bytes, body: bytes) -> bytes:
    """A file with that header."""
    return len(header).to_bytes(8, "little") + header + body


def rebuilt(change: Callable[[Header], object], data: bytes = intact) -> bytes:
    """An intact payload with its header changed."""
    header, body = parts(data)
    change(header)
    return framed(json.dumps(header).encode(), body)


def with_metadata(data: bytes = intact, **changes: object) -> bytes:
    """An intact payload with fields of its metadata changed, or omitted if `...`."""

    def change(header: Header) -> None:
        metadata = json.loads(header["__metadata__"][metadata_key]) | changes
        metadata = {key: value for key, value in metadata.items() if value is not ...}
        header["__metadata__"] = {metadata_key: json.dumps(metadata)}

    return rebuilt(change, data)


def with_entry(key: str, **changes: object) -> bytes:
    """The intact payload with one tensor's entry changed."""
    return rebuilt(lambda header: header[key].update(changes))


def with_number(key: str, value: float) -> bytes:
    """The intact payload with the first element of one tensor replaced."""
    header, body = parts()
    start = header[key]["data_offsets"][0]
    number = np.float32(value).tobytes()
    return framed(json.dumps(header).encode(), body[:start] + number + body[start + len(number) :])


def npz() -> bytes:
    """A numpy archive."""
    buffer = io.BytesIO()
    np.savez(buffer, Wxh=np.zeros(3))
    return buffer.getvalue()


header_bytes, body_bytes = json.dumps(parts()[0]).encode(), parts()[1]
hyperparameters = json.loads(parts()[0]["__metadata__"][metadata_key])["hyperparameters"]
hostile = {
    "empty": b"",
    "seven bytes": b"\x00" * 7,
    "header of 2^63 bytes": (2**63).to_bytes(8, "little") + body_bytes,
    "header over the limit": (bounds.payload_header + 1).to_bytes(8, "little") + b" " * 100,
    "header longer than the file": (len(intact) - 7).to_bytes(8, "little") + intact[8:],
    "body truncated": intact[:-1],
    "no body": framed(header_bytes, b""),
    "stray bytes": intact + b"\x00",
    "duplicate key": framed(b'{"hidden":1,' + header_bytes[1:], body_bytes),
    "not JSON": framed(b"x" * 64, body_bytes),
    "not UTF-8": framed(b'{"\xff":1}', body_bytes),
    "UTF-16": framed(header_bytes.decode().encode("utf-16"), body_bytes),
    "header is a list": framed(b"[]", body_bytes),
    "header is null": framed(b"null", body_bytes),
    "nested 100 000 deep": framed(b'{"a":' + b"[" * 100_000, body_bytes),
    "bare NaN": framed(header_bytes.replace(b"[0, ", b"[NaN, ", 1), body_bytes),
    "missing tensor": rebuilt(lambda header: header.pop("hidden")),
    "unexpected tensor": rebuilt(
        lambda header: header.update({"../../etc/x": header["hidden"]}),
    ),
    "another type": with_entry("hidden", dtype="F64"),
    "unknown type": with_entry("hidden", dtype="O"),
    "another shape": with_entry("hidden", shape=[6, 1]),
    "shape of 10^12": with_entry("parameters.Whh", shape=[10**12, 10**12]),
    "negative shape": with_entry("hidden", shape=[-1, -6]),
    "shape true": with_entry("hidden", shape=[True, 6]),
    "float offsets": with_entry("adagrad.Whh", data_offsets=[0.0, 144.0]),
    "overlap": with_entry("hidden", data_offsets=[0, 24]),
    "outside the file": with_entry("hidden", data_offsets=[10**9, 10**9 + 24]),
    "bool offsets": with_entry("adagrad.Whh", data_offsets=[False, 144]),
    "entry is no object": rebuilt(lambda header: header.update(hidden=5)),
    "weight NaN": with_number("parameters.Wxh", math.nan),
    "weight infinite": with_number("parameters.by", math.inf),
    "hidden state NaN": with_number("hidden", math.nan),
    "negative sum of squares": with_number("adagrad.bh", -1.0),
    "pickle": pickle.dumps({"Wxh": [1.0]}),
    "npz": npz(),
    "HTML": b"<!DOCTYPE html><html><body>503 Service Unavailable</body></html>" * 10,
    "zeros": bytes(len(intact)),
    "no metadata": rebuilt(lambda header: header.pop("__metadata__")),
    "metadata is text": rebuilt(lambda header: header.update(__metadata__="x")),
    "metadata is a number": rebuilt(lambda header: header.update(__metadata__={metadata_key: 1})),
    "metadata is no JSON": rebuilt(lambda header: header.update(__metadata__={metadata_key: "x"})),
    "metadata is a list": rebuilt(lambda header: header.update(__metadata__={metadata_key: "[]"})),
    "no format": with_metadata(format=...),
    "no hyperparameters": with_metadata(hyperparameters=...),
    "hyperparameters no object": with_metadata(hyperparameters=[1]),
    "unknown hyperparameter": with_metadata(hyperparameters=hyperparameters | {"depth": 2}),
    "hyperparameter out of bounds": with_metadata(
        hyperparameters=hyperparameters | {"learning_rate": -1.0}
    ),
    "hidden size of 10^12": with_metadata(
        hyperparameters=hyperparameters | {"hidden_size": 10**12}
    ),
    "hidden size of 10^4000": with_metadata(
        hyperparameters=hyperparameters | {"hidden_size": 10**4000}
    ),
    "batch size of 10^15": with_metadata(hyperparameters=hyperparameters | {"batch_size": 10**15}),
    "hidden size is text": with_metadata(hyperparameters=hyperparameters | {"hidden_size": "6"}),
    "iteration negative": with_metadata(iteration=-1),
    "iteration true": with_metadata(iteration=True),
    "iteration float": with_metadata(iteration=5.0),
    "position negative": with_metadata(position=-4),
    "position missing": with_metadata(position=...),
    "smooth loss a whole number": with_metadata(smooth_loss=1),
    "smooth loss null": with_metadata(smooth_loss=None),
    "smooth loss infinite": rebuilt(
        lambda header: header.update(
            __metadata__={
                metadata_key: json.dumps(
                    json.loads(header["__metadata__"][metadata_key]) | {"smooth_loss": 0.5}
                ).replace("0.5", "1e999")
            }
        )
    ),
    "smooth loss larger than any": with_metadata(smooth_loss=1e308),
    "rounds of format 1": with_metadata(of_rounds, format=1),
    "no rounds of format 2": with_metadata(format=2),
    "positions of one shard": with_metadata(format=2, positions=[20], loss=0.5),
    "positions missing": with_metadata(of_rounds, positions=...),
    "positions a number": with_metadata(of_rounds, positions=4),
    "positions of more shards": with_metadata(of_rounds, positions=[0] * 4),
    "positions of 10^6 shards": with_metadata(of_rounds, positions=[0] * 10**5),
    "position true": with_metadata(of_rounds, position=1, positions=[True, 4, 4]),
    "positions negative": with_metadata(of_rounds, position=0, positions=[0, -4, 4]),
    "positions floats": with_metadata(of_rounds, position=0, positions=[0, 4.0, 4]),
    "position of another shard": with_metadata(of_rounds, position=4096),
    "loss missing": with_metadata(of_rounds, loss=...),
    "loss a whole number": with_metadata(of_rounds, loss=1),
    "loss larger than any": with_metadata(of_rounds, loss=1e101),
    "momentum missing": rebuilt(lambda header: header.pop("momentum.by"), of_rounds),
    "rounds truncated": of_rounds[:-1],
    "vocabulary missing": with_metadata(vocabulary=...),
    "vocabulary a number": with_metadata(vocabulary=8),
    "vocabulary out of order": with_metadata(vocabulary="\n abcdgef"),
    "vocabulary twice": with_metadata(vocabulary="\n abcdeff"),
    "vocabulary shorter": with_metadata(vocabulary="\n abcdef"),
    "vocabulary not characters": with_metadata(vocabulary="\n abcdef\ud800"),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batch_size", [1, 3])
def test_a_state_is_read_back_to_the_last_bit(dtype: str, batch_size: int) -> None:
    """Every array and number, with its type; the arrays are writable."""
    state = make_state(dtype, batch_size)
    payload = read_payload("name", write_payload(state, vocabulary))

    assert_same_state(state, payload.state)
    assert vocabulary == payload.vocabulary
    assert payload.state.parameters.Wxh.flags.writeable
    assert payload.state.hidden.flags.writeable


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_end_of_a_round_is_read_back_to_the_last_bit(dtype: str) -> None:
    """With hidden state and position of each shard, and the outer momentum, which differ."""
    state = make_round(dtype)
    assert state.rounds
    assert 3 == len(set(state.rounds.positions.tolist()))
    data = write_payload(state, vocabulary)
    restored = read_payload("name", data).state

    assert_same_state(state, restored)
    assert data == write_payload(restored, vocabulary)
    found = safetensors.numpy.load(data)
    np.testing.assert_array_equal(state.rounds.hidden.reshape(6, 6), found["hidden"])


def test_a_state_without_rounds_has_the_format_that_it_had() -> None:
    """An earlier program reads it."""
    formats = [
        json.loads(parts(data)[0]["__metadata__"][metadata_key])["format"]
        for data in (intact, of_rounds)
    ]
    assert [1, 2] == formats


@given(
    smooth_loss=st.floats(0, 1e100),
    iteration=st.integers(0, 2**62),
    characters=st.sets(st.characters(exclude_categories=["Cs"]), min_size=9, max_size=9),
)
@settings(derandomize=True, deadline=None)
def test_numbers_and_characters_are_read_back_unchanged(
    smooth_loss: float, iteration: int, characters: set[str]
) -> None:
    """For any floats, iterations and characters of a run."""
    state = make_state(iterations=0)
    state.smooth_loss, state.iteration = smooth_loss, iteration
    own = Vocabulary.of_text(*characters)
    payload = read_payload("name", write_payload(state, own))

    assert_same_state(state, payload.state)
    assert own == payload.vocabulary


def test_equal_states_have_equal_bytes() -> None:
    """The digest of a payload is that of the state."""
    one, other = make_state(), make_state()
    other.parameters.Wxh = np.asfortranarray(other.parameters.Wxh)

    assert write_payload(one, vocabulary) == write_payload(other, vocabulary)


def test_states_that_differ_have_other_bytes() -> None:
    """One iteration more, or one bit of one weight."""
    one, later, touched = make_state(), make_state(iterations=6), make_state()
    touched.parameters.by[0] = np.nextafter(touched.parameters.by[0], 1)

    assert 3 == len({write_payload(state, vocabulary) for state in (one, later, touched)})


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_safetensors_library_reads_the_same_arrays(dtype: str) -> None:
    """Names are those of the design page, shapes and types those of the state."""
    state = make_state(dtype, batch_size=3)
    found = safetensors.numpy.load(write_payload(state, vocabulary))
    expected = {f"parameters.{name}": array for name, array in state.parameters.items()}
    expected |= {f"adagrad.{name}": array for name, array in state.adagrad.items()}
    expected |= {"hidden": state.hidden}

    assert set(expected) == set(found)
    for name, array in expected.items():
        np.testing.assert_array_equal(array, found[name], strict=True)


def test_the_arrays_start_at_a_multiple_of_eight_bytes() -> None:
    """As the format requires."""
    assert 0 == int.from_bytes(intact[:8], "little") % 8


@pytest.mark.parametrize("change", ["type", "shape"])
def test_a_state_that_does_not_fit_its_hyperparameters_is_not_written(change: str) -> None:
    """Better no checkpoint than one that cannot be read."""
    state = make_state("float32")
    state.hidden = state.hidden.astype("float64") if change == "type" else state.hidden[:, :-1]

    with pytest.raises(ValueError, match="hidden is float"):
        write_payload(state, vocabulary)


@pytest.mark.parametrize("data", hostile.values(), ids=hostile.keys())
def test_a_hostile_file_is_refused_before_anything_is_allocated(data: bytes) -> None:
    """The message names the object, on one line, and no size in a header is trusted."""
    tracemalloc.start()
    with pytest.raises(DamagedObject, match=r"^checkpoint 7: \S") as caught:
        read_payload("checkpoint 7", data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert DamagedObject is caught.type
    assert 1 == len(str(caught.value).splitlines())
    assert peak < 20 * len(data) + 1_000_000


def test_a_newer_format_is_not_reported_as_damage() -> None:
    """The message names the format of the file and that of the program."""
    with pytest.raises(NewerFormat, match=r"^name: format 3 is newer than this program \(2\)"):
        read_payload("name", with_metadata(format=3))


@given(st.lists(st.tuples(st.integers(0, len(intact) - 1), st.integers(0, 7)), max_size=4))
@settings(derandomize=True, deadline=None, max_examples=300)
def test_flipped_bits_give_a_valid_state_or_an_error(flips: list[tuple[int, int]]) -> None:
    """The reader never crashes; what it cannot detect, the digest in the record does."""
    data = intact
    for position, bit in flips:
        data = flipped(data, position, bit)
    try:
        state = read_payload("name", data).state
    except DamagedObject:
        return

    assert state.parameters.is_finite()


@given(st.integers(0, len(intact) - 1))
@settings(derandomize=True, deadline=None, max_examples=200)
def test_a_truncated_file_is_refused(length: int) -> None:
    """At any length."""
    with pytest.raises(DamagedObject, match=r"^name: "):
        read_payload("name", intact[:length])


def test_a_stored_state_trains_like_one_that_was_not_stored() -> None:
    """Losses and bytes are the same as those of the state that was not stored."""
    state = make_state("float32")
    restored = read_payload("name", intact).state

    np.testing.assert_array_equal(train(state, tokens, 20), train(restored, tokens, 20))
    assert write_payload(state, vocabulary) == write_payload(restored, vocabulary)
