"""A request served step by step, as the flow `retrain` does it, without Prefect."""

from __future__ import annotations

from threading import Event
from typing import Any, NamedTuple

from flows.lifecycle.chunk import Watcher, advance_on_schedule
from flows.lifecycle.evaluation import best_checkpoint
from flows.lifecycle.preparation import prepare
from flows.lifecycle.promotion import Case, Judging, promote_or_reject
from flows.lifecycle.request import TrainingRequest
from flows.lifecycle.work import Work, find_work
from flows.parameters import EvaluationOptions, PromotionOptions, TrainingOptions
from flows.storage import OpenRun, Store, datasets
from flows.storage.datasets import Dataset
from flows.storage.registry import Decision

small: dict[str, Any] = {"hidden_size": 8, "epochs": 2, "seq_length": 10}


class Served(NamedTuple):
    """What a request came to."""

    work: Work
    iterations: int  # trained now
    decision: Decision


def request(training: dict[str, Any] | None = None, **fields: Any) -> TrainingRequest:
    """A request for a small network, some options changed."""
    evaluation = EvaluationOptions(**fields.pop("evaluation", {}))
    options = TrainingOptions(**small | (training or {}))
    chosen = {"model": "m", "seed": 0, "training": options, "evaluation": evaluation}
    return TrainingRequest(**chosen | fields)


def dataset_of(store: Store, *texts: str) -> Dataset:
    """A dataset of `texts`, stored."""
    dataset = datasets.tokenise(list(texts))
    datasets.save(store, dataset)
    return dataset


def started(store: Store, dataset: Dataset, asked: TrainingRequest) -> tuple[OpenRun, Work]:
    """The run of a request, with at least its first checkpoint."""
    work = find_work(store, dataset, asked)
    opened = OpenRun(store, asked.model, work.run.run_id)
    prepare(opened, work.run, ("a.txt",), work.schedule)
    return opened, work


def train_to(opened: OpenRun, work: Work, goal: int) -> int:
    """Train up to iteration `goal`, in one chunk; how many iterations that were."""
    newest = opened.log.newest()
    assert newest
    if (before := newest.record.iteration) >= goal:
        return 0
    watcher = Watcher(lambda *_: None, lambda _: None, Event())
    record = advance_on_schedule(opened, newest, work.schedule, goal, ("a.txt",), 10**6, watcher)
    return record.iteration - before


def serve(store: Store, dataset: Dataset, asked: TrainingRequest, **promotion: Any) -> Served:
    """Train and decide, but nothing where a decision answers."""
    work = find_work(store, dataset, asked)
    opened = OpenRun(store, asked.model, work.run.run_id)
    prepared = prepare(opened, work.run, ("a.txt",), work.schedule)
    iterations = 0 if prepared.is_finished else train_to(opened, work, work.schedule.goal)
    best = best_checkpoint(opened, work.schedule, 10**6)
    judging = Judging(options=PromotionOptions(**promotion), most=10**6, kept_versions=10)
    case = Case.of(opened, best.digest, ("a.txt",), work.schedule.goal, judging, ())
    return Served(work, iterations, promote_or_reject(case))
