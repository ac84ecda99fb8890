"""Claims: Prefect and checkpoints cost little compared with training, and so does the start."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from benchmarks.server import embedded_server
from benchmarks.texts import king_james
from flows.parameters import EvaluationOptions, TrainingOptions
from flows.results import TrainResult
from flows.storage import datasets
from flows.storage.log import Log
from flows.storage.runs import run_folder
from flows.storage.stores import open_store
from flows.train import train as train_flow
from rnncore import TrainingState, iterations_per_epoch, train

chunks, every = 12, 100_000  # iterations


def measure() -> list[str]:
    """Sentences with the figures."""
    return [tax(), start_of_help(), first_iteration(), nothing_to_do()]


def tax() -> str:
    """How much longer chunks take under Prefect than the same iterations in one call."""
    text = king_james() or "the tide goes out, the tide comes in, and the lamp is lit.\n" * 20_000
    options, evaluation = TrainingOptions(checkpoint_every=every), EvaluationOptions()
    dataset = datasets.tokenise([text])
    training = dataset.split(evaluation.held_out, evaluation.split).training
    per_epoch = iterations_per_epoch(len(training), options.network())
    epochs = max(1, round(chunks * every / per_epoch))
    iterations = epochs * per_epoch

    state = TrainingState.initial(len(dataset.vocabulary), options.network(), seed=0)
    train(state, training, 1)  # compile or load
    started = time.perf_counter()
    train(state, training, iterations)
    alone = time.perf_counter() - started
    with tempfile.TemporaryDirectory() as folder, embedded_server(Path(folder)):
        corpus = Path(folder, "text.txt")
        corpus.write_text(text)
        store = f"{folder}/store"
        result = train_flow(
            corpus=str(corpus),
            store=store,
            training=options.model_copy(update={"epochs": epochs}),
        )
        assert isinstance(result, TrainResult)
        log = Log(open_store(store), f"{run_folder('default', result.run_id)}/log")
        times = sorted(
            datetime.fromisoformat(record.created_at)
            for record in log.list_records().newest_first("checkpoint")
        )
        under_prefect = (times[-1] - times[0]).total_seconds()
    count = len(times) - 1
    return (
        f"{iterations:,} iterations in {count} chunks: {under_prefect:.2f} s under Prefect,"
        f" {alone:.2f} s in one call of rnncore.train: {under_prefect / alone - 1:+.1%},"
        f" {1000 * (under_prefect - alone) / count:.0f} ms a chunk"
    )


def start_of_help() -> str:
    """Time until the help is printed."""
    return (
        f"python -m flows.retrain --help: {_median_seconds('-m', 'flows.retrain', '--help'):.2f} s"
    )


def first_iteration() -> str:
    """From the command to the first trained iteration, compared with all of an empty flow."""
    empty = "from prefect import flow; flow(lambda: None, name='empty')()"
    with tempfile.TemporaryDirectory() as folder:
        small = ("--training.epochs=1", "--training.checkpoint_every=1", f"--store={folder}")
        corpus = Path(folder, "text.txt")
        corpus.write_text("the tide goes out\n")
        ours = _median_seconds(
            *("-m", "flows.train", f"--corpus={corpus}", "--evaluation.held_out=0", *small)
        )
    nothing = _median_seconds("-c", empty)
    return (
        f"python -m flows.train, one iteration, from start to end: {ours:.1f} s;"
        f" an empty Prefect flow: {nothing:.1f} s"
    )


def nothing_to_do() -> str:
    """All of a `retrain` that finds its work done, under the embedded server."""
    with tempfile.TemporaryDirectory() as folder:
        small = ("--training.epochs=1", "--training.hidden_size=8", f"--store={folder}")
        seconds = _median_seconds(
            "-m", "flows.retrain", *small
        )  # the first one, not counted, trains
    return f"python -m flows.retrain again, with nothing to do: {seconds:.1f} s"


def _median_seconds(*arguments: str, rounds: int = 3) -> float:
    """Median time of a Python process; a first one fills the caches."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times[1:])
