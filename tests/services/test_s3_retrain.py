"""The main job with corpus and store on S3: the same bytes as on a local disk, killed or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import pytest

from flows.storage.checkpoints import CheckpointLog
from flows.storage.stores import open_store
from tests.support.commands import kill, outcome, small, start
from tests.support.s3 import eventually, variables
from tests.support.states import text

# The results of a run that do not depend on where it is stored.
results = (
    *("dataset_id", "run_id", "iteration", "checkpoint_digest", "report_id"),
    *("train_bits_per_character", "held_out_bits_per_character"),
)
corpus_text = text * 50  # 10,000 characters
Retrain = Callable[..., dict[str, Any]]


def same(found: dict[str, Any]) -> dict[str, Any]:
    """The part of an outcome that does not depend on place and time."""
    return {name: found[name] for name in results}


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of the job on a local disk, without faults."""
    folder = tmp_path_factory.mktemp("local")
    (folder / "corpus.txt").write_text(corpus_text)
    places = (f"--corpus={folder}/corpus.txt", f"--store={folder}/store")
    return outcome(start(folder, *small, "--training.checkpoint_every=500", *places))


@pytest.fixture
def places(bucket: str) -> tuple[str, str]:
    """Corpus and store in a bucket, as arguments."""
    fsspec.filesystem("s3").pipe_file(f"{bucket}/corpus.txt", corpus_text.encode())
    return f"--corpus=s3://{bucket}/corpus.txt", f"--store=s3://{bucket}/store"


def test_the_main_job_gives_the_same_result_on_s3(
    local: dict[str, Any], s3: dict[str, str], places: tuple[str, str], bucket: str, tmp_path: Path
) -> None:
    """Digests and metrics are equal; the store holds what the outcome names, and no more.

    The secret key is nowhere: not in the store, Prefect's database or the cache.
    """
    found = outcome(start(tmp_path, *small, "--training.checkpoint_every=500", *places))

    assert same(local) == same(found)
    files = fsspec.filesystem("s3")
    assert files.exists(found["report_url"])
    assert files.exists(found["checkpoint_url"])
    assert ["datasets", "models", "reports", "sources"] == open_store(f"s3://{bucket}/store").names(
        ""
    )
    secret = s3["AWS_SECRET_ACCESS_KEY"].encode()
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    written += [files.cat_file(path) for path in files.find(bucket)]
    assert not any(secret in data for data in written)


@pytest.mark.usefixtures("s3")
def test_a_killed_job_continues_and_gives_the_same_result(
    local: dict[str, Any], places: tuple[str, str], bucket: str, tmp_path: Path
) -> None:
    """Killed after some checkpoints, the job continues from the last of them."""
    log = CheckpointLog(open_store(f"s3://{bucket}/store"), "default", local["run_id"])
    process = start(tmp_path, *small, "--training.checkpoint_every=100", *places)
    try:
        eventually(lambda: log.head() > 4, "the fifth checkpoint", within=120)
    finally:
        kill(process)
    newest = log.newest()
    assert newest is not None

    found = outcome(start(tmp_path, *small, "--training.checkpoint_every=500", *places))

    assert same(local) == same(found)
    assert local["iteration"] - newest.record.iteration == found["trained_iterations"]


def test_the_main_job_refuses_a_server_that_ignores_create_if_absent(
    unsafe_server: dict[str, str], tmp_path: Path
) -> None:
    """Exit status 2 and one sentence before any training; nothing is written."""
    (tmp_path / "corpus.txt").write_text(corpus_text)
    places = (*small, f"--corpus={tmp_path}/corpus.txt", "--store=s3://bucket/store")

    refused = start(tmp_path, *places, environment=unsafe_server)
    _, errors = refused.communicate(timeout=180)

    assert 2 == refused.returncode
    assert "ignores create-if-absent" in errors.splitlines()[-1]
    with variables(unsafe_server):
        assert [] == open_store("s3://bucket/store").names("")
