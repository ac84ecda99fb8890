"""Whatever is in an object's place: a named error or the intact content, nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from flows.exceptions import DamagedObject, NewerFormat, StorageError
from flows.storage import Registry, Version, datasets, reports
from flows.storage.canonical import canonical_json, digest, identity, strict_json
from flows.storage.checkpoints import CheckpointLog, newest_run
from flows.storage.documents import load_document
from flows.storage.log import Log
from flows.storage.payload import read_payload, write_payload
from flows.storage.report_table import parse_report
from flows.storage.runs import Run, load_run, run_folder
from flows.storage.sources import SeenState
from flows.storage.stores import open_store
from tests.support.damage import reported
from tests.support.faults.damage import Subject
from tests.support.forging import (
    framed,
    parts,
    places,
    replaced,
    sealed_manifest,
    sealed_record,
    values,
)
from tests.support.stores import overwrite

fuzz = settings(
    derandomize=True,
    deadline=None,
    max_examples=120,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
kinds = range(9)
edits = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "repeat"]), st.floats(0, 1), st.integers(0, 255)
    ),
    min_size=1,
    max_size=4,
)


@pytest.fixture(scope="module")
def subject(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """A store with an object of every kind, and a decision."""
    subject = Subject(open_store(str(tmp_path_factory.mktemp("fuzzing") / "store")))
    decision = Version(
        decision="promoted",
        reason="for the test",
        run_id=subject.run_id,
        iteration=subject.newest.iteration,
        digest=subject.newest.digest,
        bits_per_character=2.0,
        champion=None,
        champion_bits_per_character=None,
    )
    Registry(subject.store, "default").decide(
        subject.run_id, subject.newest.digest, lambda *_: decision
    )
    return subject


def champion(subject: Subject) -> Any:
    """The champion as another process reads it."""
    found = Registry(subject.reopened, "default").champion()
    return found and (found.number, found.version, found.record)


def objects(subject: Subject) -> dict[str, Callable[[], Any]]:
    """The path of each object, and what reads it."""
    version = "models/default/versions/000000000000.json"
    return {**subject.objects(), version: lambda: champion(subject)}


def edited(data: bytes, changes: list[tuple[str, float, int]]) -> bytes:
    """`data` with bits flipped, parts cut, repeated, and bytes inserted."""
    for how, where, byte in changes:
        at = int(where * len(data))
        if how == "flip" and data[at:]:
            data = data[:at] + bytes([data[at] ^ (byte or 1)]) + data[at + 1 :]
        elif how == "cut":
            data = data[:at] + data[at + byte :] if byte % 2 else data[:at]
        elif how == "insert":
            data = data[:at] + bytes([byte]) * (byte % 9 + 1) + data[at:]
        elif how == "repeat":
            data = data[:at] + data[at : at + byte] * 2 + data[at + byte :]
    return data


@pytest.mark.parametrize("kind", kinds)
@given(changes=edits)
@fuzz
def test_edited_bytes_are_reported_or_change_nothing(
    subject: Subject, kind: int, changes: list[tuple[str, float, int]]
) -> None:
    """Of each kind of object."""
    path, read = list(objects(subject).items())[kind]
    intact, expected = subject.store.read(path), read()
    overwrite(subject.store, path, edited(intact, changes))
    try:
        with reported() as problems:
            found = read()
        assert problems or found == expected
    except StorageError:
        pass
    finally:
        overwrite(subject.store, path, intact)


def test_every_kind_is_fuzzed(subject: Subject) -> None:
    assert len(kinds) == len(objects(subject))


def with_forged(subject: Subject, files: dict[str, bytes], read: Callable[[], Any]) -> None:
    """Read with `files` in the store: a named error is what may happen."""
    before = {path: subject.store.read(path) for path in files}
    for path, data in files.items():
        overwrite(subject.store, path, data)
    try:
        with suppress(StorageError):
            read()
    finally:
        for path, data in before.items():
            overwrite(subject.store, path, data)


logs = ("runs/{}/log/000000000002", "versions/000000000000", "reports/000000000000")


@pytest.mark.parametrize("log", logs)
@given(place=places, value=values)
@fuzz
def test_a_forged_record_is_refused_or_used_as_it_is(
    subject: Subject, log: str, place: list[int], value: Any
) -> None:
    """By everything that reads the log."""
    path = f"models/default/{log.format(subject.run_id)}.json"

    def read() -> None:
        store = subject.reopened
        checkpoints = CheckpointLog(store, "default", subject.run_id)
        checkpoints.newest()
        checkpoints.records()
        checkpoints.evaluation(subject.newest.digest, None)
        newest_run(store, "default")
        Registry(store, "default").champion()
        Registry(store, "default").decision(subject.run_id, subject.newest.digest)
        reports.manifest(store, "default", subject.report)
        list(Log(store, path.rpartition("/")[0]).list_records().contents("version", SeenState))

    with_forged(subject, {path: sealed_record(subject.store.read(path), place, value)}, read)


@given(place=places, value=values, key=st.none() | st.sampled_from(["new", "depth", "parent"]))
@fuzz
def test_a_forged_description_of_a_run_is_refused_or_describes_one(
    subject: Subject, place: list[int], value: Any, key: str | None
) -> None:
    """Under the name that its content gives it."""
    intact = f"{run_folder('default', subject.run_id)}/run.json"
    content = replaced(strict_json(subject.store.read(intact)), place, value, key=key)
    run_id = identity(content)
    path = f"{run_folder('forged', run_id)}/run.json"
    subject.store.put(path, canonical_json(content))
    try:
        assert load_run(subject.reopened, "forged", run_id).network().hidden_size > 0
    except (DamagedObject, NewerFormat):
        pass
    finally:
        subject.store.remove(path)


def dataset_paths(subject: Subject) -> list[str]:
    """Manifest, vocabulary and tokens."""
    folder = datasets.dataset_folder(subject.dataset_id)
    return [f"{folder}/{name}" for name in ("manifest.json", "vocabulary.json", "tokens.npy")]


def read_dataset(subject: Subject) -> Callable[[], None]:
    """Load the dataset, decode its text and split it."""

    def read() -> None:
        found = datasets.load(subject.reopened, subject.dataset_id)
        found.vocabulary.decode(found.tokens)
        found.split(0.1, "content")

    return read


@given(place=places, value=values)
@fuzz
def test_a_forged_manifest_is_refused_or_describes_the_dataset(
    subject: Subject, place: list[int], value: Any
) -> None:
    """Whatever types and numbers it has."""
    manifest, *_ = dataset_paths(subject)
    content = replaced(strict_json(subject.store.read(manifest)), place, value)
    with_forged(subject, {manifest: canonical_json(content)}, read_dataset(subject))


@given(place=places, value=values)
@fuzz
def test_a_forged_vocabulary_is_refused_or_used_as_it_is(
    subject: Subject, place: list[int], value: Any
) -> None:
    """With its digest and its size in the manifest."""
    manifest, vocabulary, _ = dataset_paths(subject)
    content = replaced(strict_json(subject.store.read(vocabulary)), place, value)
    data = canonical_json(content)
    changes = {"vocabulary_sha256": digest(data), "vocabulary_size": len(content)}
    forged = sealed_manifest(subject.store.read(manifest), **changes)
    with_forged(subject, {vocabulary: data, manifest: forged}, read_dataset(subject))


@given(changes=edits, start=st.sampled_from([b"", b"\x93NUMPY\x01\x00(((", b"\x93NUMPY\x01\x00"]))
@fuzz
def test_forged_tokens_are_refused_or_used_as_they_are(
    subject: Subject, changes: list[tuple[str, float, int]], start: bytes
) -> None:
    """With their digest in the manifest."""
    manifest, _, tokens = dataset_paths(subject)
    data = edited(start + subject.store.read(tokens)[len(start) :], changes)
    forged = sealed_manifest(subject.store.read(manifest), tokens_sha256=digest(data))
    with_forged(subject, {tokens: data, manifest: forged}, read_dataset(subject))


@given(place=places, value=values, inside=st.booleans(), changes=edits | st.just([]))
@fuzz
def test_a_forged_training_state_is_refused_or_used_as_it_is(
    subject: Subject,
    place: list[int],
    value: Any,
    inside: bool,
    changes: list[tuple[str, float, int]],
) -> None:
    """Header, metadata or tensors."""
    header, metadata, body = parts(
        subject.store.read(subject.log.payload_path(subject.newest.digest))
    )
    if inside:
        metadata = replaced(metadata, place, value)
        header["__metadata__"]["training_state"] = json.dumps(metadata)
    else:
        header = replaced(header, place, value)
    data = edited(framed(header, body), changes)
    try:
        payload = read_payload("name", data)
    except (DamagedObject, NewerFormat):
        return
    assert write_payload(*payload)


@given(changes=edits)
@fuzz
def test_a_forged_report_is_refused_or_read(
    subject: Subject, changes: list[tuple[str, float, int]]
) -> None:
    """Without a manifest nothing but its own checksums tells."""
    data = edited(subject.store.read(subject.report), changes)
    assume(data)
    try:
        table = parse_report("name", data, {"model": "default", "report_id": subject.run_id})
    except DamagedObject:
        return
    assert {"default"} >= set(table["model"].to_pylist())


@pytest.mark.parametrize("found", ["2", "1", True, 1.5, -1, 0, None, [], 10**30])
def test_a_format_that_was_never_written_is_refused(subject: Subject, found: object) -> None:
    """In a record, a document and a training state."""
    intact = f"{run_folder('default', subject.run_id)}/run.json"
    content = strict_json(subject.store.read(intact)) | {"format": found}
    subject.store.put("x.json", canonical_json(content))
    with pytest.raises(DamagedObject):
        load_document(subject.reopened, "x.json", Run, "x")
    header, metadata, body = parts(
        subject.store.read(subject.log.payload_path(subject.newest.digest))
    )
    header["__metadata__"]["training_state"] = json.dumps(metadata | {"format": found})
    with pytest.raises(DamagedObject):
        read_payload("name", framed(header, body))
