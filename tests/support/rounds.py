"""Runs in rounds, step by step, without Prefect."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from threading import Event
from typing import Any

from flows.lifecycle.chunk import Watcher, advance_on_schedule
from flows.lifecycle.preparation import prepare
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import Work, find_work
from flows.storage import OpenRun, Store
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.datasets import Dataset
from rnncore import TrainingState
from tests.support.texts import make_text
from tests.support.work import dataset_of, request

text = make_text([4000, 3000], seed=1)
options: dict[str, Any] = {"shards": 3, "round_iterations": 7, "learning_rate": 0.05, "epochs": 1}


def asked(**training: Any) -> TrainingRequest:
    return request(options | training)


def begun(store: Store, wanted: TrainingRequest) -> tuple[OpenRun, Work, Dataset]:
    """The run of a request, with its first checkpoint."""
    dataset = dataset_of(store, text)
    work = find_work(store, dataset, wanted)
    opened = OpenRun(store, wanted.model, work.run.run_id)
    prepare(opened, work.run, ("a.txt",), work.schedule)
    return opened, work, dataset


def go_on(
    opened: OpenRun,
    work: Work,
    executor: Executor | None = None,
    stop: Event | None = None,
    on_slice: Callable[[TrainingState, float], None] = lambda *_: None,
) -> CheckpointRecord:
    """Train to the goal, checkpoint by checkpoint, or until `stop` is set."""
    stop = stop or Event()
    watcher = Watcher(on_slice, lambda _: None, stop, executor)
    while True:
        newest = opened.log.newest()
        assert newest
        step = work.schedule.chunk_end(newest.record.iteration)
        record = advance_on_schedule(
            opened, newest, work.schedule, step, ("a.txt",), 10**6, watcher
        )
        if record.iteration >= work.schedule.goal or stop.is_set():
            return record


def digests(opened: OpenRun) -> dict[int, str]:
    return {record.iteration: record.digest for record in opened.log.records()}
