"""Preparation: find how far a run is, or start it; remove what interrupted runs left."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NamedTuple

from flows.exceptions import StorageError
from flows.lifecycle.chunk import commit_initial
from flows.lifecycle.evaluation import is_exhausted
from flows.lifecycle.machine import differences
from flows.lifecycle.schedule import Schedule
from flows.storage.checkpoints import CheckpointRecord
from flows.storage.garbage import collect_unnamed
from flows.storage.open_run import OpenRun
from flows.storage.runs import Run, save_run

logger = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """The newest checkpoint of a run, whether the run is new, and whether it is trained already."""

    record: CheckpointRecord
    is_new: bool
    is_finished: bool


def prepare(opened: OpenRun, run: Run, corpus: tuple[str, ...], schedule: Schedule) -> Prepared:
    """The newest checkpoint of a run; a new run gets its description and its initial state.

    `corpus` are URLs for the record of the initial state.
    """
    save_run(opened.store, opened.model, run)
    with suppress(StorageError):  # where removing is not permitted, garbage may stay
        if removed := collect_unnamed(opened.store, opened.model, opened.run_id):
            logger.info("removed %d old checkpoints whose commit was interrupted", len(removed))
    newest = opened.log.newest()
    if newest is None:
        return Prepared(commit_initial(opened, corpus), is_new=True, is_finished=False)
    for difference in differences(newest.record, run.network()):
        logger.warning("results may differ in their last bits from here on: %s", difference)
    finished = newest.record.iteration >= schedule.goal or is_exhausted(
        opened, schedule, run.patience
    )
    return Prepared(newest.record, is_new=False, is_finished=finished)
