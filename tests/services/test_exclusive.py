"""Two runs of one model on S3, which has no locks: the Prefect server allows one at a time."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.storage.stores import open_store
from tests.support.commands import kill, outcome, start
from tests.support.site import Site, eventually
from tests.support.states import text

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def retrain(site: Site, s3: dict[str, str], bucket: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a retraining of the model "shared" under the server, with its store on S3."""
    (tmp_path / "corpus.txt").write_text(text * 20)
    environment = s3 | {"PREFECT_API_URL": f"{site.url}/api"}
    places = (f"--corpus={tmp_path}/corpus.txt", f"--store=s3://{bucket}/store")
    options = ("--model=shared", "--training.hidden_size=8", *places)
    begun: list[subprocess.Popen[str]] = []

    def begin(*more: str) -> subprocess.Popen[str]:
        begun.append(start(tmp_path, *options, *more, environment=environment))
        return begun[-1]

    yield begin
    for process in begun:
        kill(process)


def test_one_run_of_a_model_works_and_the_other_stops_or_waits(retrain: Start, bucket: str) -> None:
    """While one trains, another stops with the reason, or begins when the first has ended."""
    store = open_store(f"s3://{bucket}/store")
    runs = "models/shared/runs"
    first = retrain("--training.epochs=1000000", "--training.checkpoint_every=1000000000")
    eventually(lambda: store.names(runs), within=60)

    refused = retrain("--when_busy=stop")
    _, errors = refused.communicate(timeout=60)
    waiting = retrain("--seed=1", "--training.epochs=1")
    time.sleep(15)
    begun = store.names(runs)
    first.send_signal(signal.SIGTERM)

    assert 2 == refused.returncode
    assert "is being trained by another run on this Prefect server" in errors
    assert 1 == len(begun)
    assert outcome(waiting)["trained_iterations"] > 0
    assert 128 + signal.SIGTERM == first.wait(timeout=60)
