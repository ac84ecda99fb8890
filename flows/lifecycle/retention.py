"""Retention: remove what is not kept of a model. docs/retention.md has the rules.

What is removed is in the run's log before; an interrupted removal is finished by the next one.
"""

from __future__ import annotations

from collections.abc import Iterator

from flows.exceptions import DamagedObject, RunConflict, UnknownObject
from flows.lifecycle.retention_plan import Removal, RetentionPlan, plan_retention
from flows.parameters import RetentionOptions
from flows.storage.dataset_use import RunName, take_up
from flows.storage.log import Log, RecordConflict
from flows.storage.registry import Registry
from flows.storage.retirement import (
    Retirement,
    removal,
    remove_payloads,
    remove_run,
    removed,
    restoration,
    retired,
    retirement,
)
from flows.storage.runs import load_run, run_folder
from flows.storage.stores import Store

most_digests = 10_000  # in a record, whose size has a bound
most_plans = 10  # that others make out of date, one after the other


def retain_model(store: Store, model: str, options: RetentionOptions) -> RetentionPlan:
    """Remove what is not kept of a model; under the model's lock. Returns what was removed.

    Where a run or a decision is added meanwhile, it is planned again.
    """
    for _ in range(most_plans - 1):
        plan = plan_retention(store, model, options)
        try:
            apply(store, plan)
        except (RecordConflict, RunConflict):
            continue
        return plan
    plan = plan_retention(store, model, options)
    apply(store, plan)
    return plan


def apply(store: Store, plan: RetentionPlan) -> None:
    """Remove what a plan says; `RecordConflict` or `RunConflict` where it is out of date."""
    kept = Retirement(reason="one of its checkpoints is a version that is kept")
    for run_id in plan.restored:
        log = Log(store, f"{run_folder(plan.model, run_id)}/log")
        log.update(restoration, lambda _: kept)
    for one in plan.removals:
        _announce(store, plan.model, one)
        if Registry(store, plan.model).listing().head != plan.head:
            raise RunConflict(
                f"a decision about model {plan.model} was made while its checkpoints were being"
                " removed: start again"
            )
        if one.whole:
            remove_run(store, plan.model, one.run_id)
        else:
            remove_payloads(store, plan.model, one.run_id, one.digests)


def _announce(store: Store, model: str, one: Removal) -> None:
    """Record what will be removed in the run's log, unless an interrupted removal has done it."""
    log = Log(store, f"{run_folder(model, one.run_id)}/log")
    listing = log.list_records()
    if listing.head != one.head:
        raise RunConflict(f"run {one.run_id} of model {model} was trained meanwhile: start again")
    if one.whole:
        if listing.head >= 0 and not removed(listing):
            content = Retirement(reason=one.reason).model_dump(mode="json")
            log.append(removal, content, after=one.head)
        _release_dataset(store, RunName(model, one.run_id))
        return
    new = tuple(digest for digest in one.digests if digest not in retired(listing))
    for number, digests in enumerate(_batches(new)):
        content = Retirement(digests=digests, reason=one.reason).model_dump(mode="json")
        log.append(retirement, content, after=one.head + number)


def _batches(digests: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for start in range(0, len(digests), most_digests):
        yield digests[start : start + most_digests]


def _release_dataset(store: Store, run: RunName) -> None:
    """Keep the text of a run for another day: a flow that waits for its turn may count on it."""
    try:
        dataset_id = load_run(store, *run).dataset_id
    except (DamagedObject, UnknownObject):
        return
    take_up(store, dataset_id, f"run {run.run_id} of {run.model} was removed", besides=run)
