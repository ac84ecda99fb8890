"""Two runs of one model under one server: its limit keeps them apart, wherever their stores are."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.commands import kill, outcome, start
from tests.services.conftest import Site
from tests.storage.conftest import text

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def retrain(site: Site, tmp_path: Path) -> Iterator[Start]:
    """Starts a retraining of the model "shared" under the server, with a store of its own."""
    (tmp_path / "corpus.txt").write_text(text * 20)
    address = {"PREFECT_API_URL": f"{site.url}/api"}
    options = ("--model=shared", f"--corpus={tmp_path}/corpus.txt", "--training.hidden_size=8")
    begun: list[subprocess.Popen[str]] = []

    def begin(store: str, *more: str) -> subprocess.Popen[str]:
        place = f"--store={tmp_path / store}"
        begun.append(start(tmp_path, *options, place, *more, environment=address))
        return begun[-1]

    yield begin
    for process in begun:
        kill(process)


def test_one_run_of_a_model_works_and_the_other_stops_or_waits(
    retrain: Start, tmp_path: Path
) -> None:
    """While one trains, another ends with the reason, or begins when the first has ended."""
    first = retrain("first", "--training.epochs=1000000", "--training.checkpoint_every=1000000000")
    while not list(tmp_path.glob("first/**/*.safetensors")):
        assert first.poll() is None
        time.sleep(0.1)

    refused = retrain("refused", "--when_busy=stop")
    _, errors = refused.communicate(timeout=60)
    waiting = retrain("waiting", "--training.epochs=1")
    time.sleep(15)
    nothing_yet = not list(tmp_path.glob("waiting/models/**/*.safetensors"))
    first.send_signal(signal.SIGTERM)

    assert 2 == refused.returncode
    assert "is being trained by another run on this Prefect server" in errors
    assert nothing_yet
    assert outcome(waiting)["trained_iterations"] > 0
    assert 128 + signal.SIGTERM == first.wait(timeout=60)
