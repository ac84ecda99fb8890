"""A small retrain in a temporary store, without Prefect: afterwards the machine has all kernels."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from threading import Event

from flows.lifecycle.chunk import Watcher, advance_on_schedule
from flows.lifecycle.evaluation import evaluate
from flows.lifecycle.preparation import prepare
from flows.lifecycle.profiling import ensure_profile
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import find_work
from flows.parameters import EvaluationOptions, SamplingOptions, TrainingOptions
from flows.reporting.samples.writing import Report
from flows.storage import OpenRun, datasets
from flows.storage.stores import open_store

text = "".join(f"the lamp is lit {number} times, and the tide goes out\n" for number in range(200))
most = len(text)  # characters to evaluate on


def rehearse() -> None:
    """Profile, train, evaluate, sample and write a report, each as a retrain does it."""
    with TemporaryDirectory(prefix="rnn-rehearsal-") as folder:
        store = open_store(folder)
        dataset = datasets.tokenise([text])
        datasets.save(store, dataset)
        ensure_profile(store, dataset.dataset_id)
        training = TrainingOptions(hidden_size=8, epochs=1)
        request = TrainingRequest(
            model="rehearsal", seed=0, training=training, evaluation=EvaluationOptions()
        )
        work = find_work(store, dataset, request)
        opened = OpenRun(store, request.model, work.run.run_id)
        prepare(opened, work.run, (), work.schedule)
        newest = opened.log.newest()
        assert newest
        watcher = Watcher(lambda *_: None, lambda _: None, Event())
        record = advance_on_schedule(
            opened, newest, work.schedule, work.schedule.goal, (), most, watcher
        )
        evaluate(opened, record.digest, most)
        Report(opened, record.digest, SamplingOptions(length=20), None).write(lambda _: None)
