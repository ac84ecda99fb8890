"""Claim: a fleet of trainings of five to nine seconds takes little more than half the time on two workers.

`python -m benchmarks engines` trains for 27 epochs, in about 15 minutes; `python -m benchmarks engines
60` longer. The texts have different sizes, as those of customers have: trainings that begin and end
together wait together for Python's lock, and for Prefect's server.
"""

from __future__ import annotations

import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.server import embedded_server
from benchmarks.texts import king_james
from flows.fleet import fleet

rounds = 3
sizes = tuple(100_000 + number * 37 % 14 * 6_000 for number in range(14))  # of the texts
alone = "threads:1"


def table(epochs: int = 27) -> Iterator[str]:
    """Seconds of each engine in each round, and how many times as fast as one thread it was."""
    text = king_james() or "the tide goes out, the tide comes in, and the lamp is lit.\n" * 20_000
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_server(Path(folder)),
        cluster() as address,
    ):
        table = write_table(Path(folder), text, epochs)
        engines = {"one thread": alone, "threads:2": "threads:2", "Dask, two workers": address}
        seconds: dict[str, list[float]] = {name: [] for name in engines}
        for number in range(rounds):
            for name, engine in engines.items():
                started = time.perf_counter()
                fleet(models=table, store=f"{folder}/{number}-{name}", engine=engine)
                seconds[name].append(time.perf_counter() - started)
                yield f"round {number + 1}, {name}: {seconds[name][-1]:.1f} s"
    for name in engines:
        ratios = [
            one / other for one, other in zip(seconds["one thread"], seconds[name], strict=True)
        ]
        yield (
            f"{len(sizes)} models of {epochs} epochs, {name}: {statistics.median(ratios):.2f} times one"
            f" thread ({min(ratios):.2f} to {max(ratios):.2f})"
        )


def write_table(folder: Path, text: str, epochs: int) -> str:
    """Models with a text of their own each."""
    rows, begin = [], 0
    for number, size in enumerate(sizes):
        corpus = folder / f"{number}.txt"
        corpus.write_text((text * 2)[begin:][:size])
        rows.append({"model": f"model-{number}", "corpus": str(corpus)})
        begin += size
    file = folder / "models.json"
    file.write_text(json.dumps({"defaults": {"training": {"epochs": epochs}}, "models": rows}))
    return str(file)


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a cluster of two workers, as `make cluster` starts it."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "flows.cluster", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        try:
            while not running.stdout.readline().startswith("ready"):
                assert running.poll() is None
            yield f"tcp://127.0.0.1:{port}"
        finally:
            running.terminate()
